/* JSON, written straight to the console. */
#include "kernel/shell/json.h"

#include <stdio.h>

#include "lib/assert.h"

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			iprintf("\\%c", c);
		else if (c < 0x20)
			iprintf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void start_value(struct json *json, const char *key)
{
	if (json->comma)
		putchar(',');
	json->comma = true;
	if (key) {
		put_string(key);
		putchar(':');
	}
}

static void open_level(struct json *json, char opener, char closer)
{
	ASSERT(json->depth < JSON_DEPTH_MAX);
	json->closers[json->depth++] = closer;
	json->comma = false;
	putchar(opener);
}

struct json json_begin(void)
{
	struct json json = {0};
	open_level(&json, '{', '}');
	return json;
}

void json_end(struct json *json)
{
	json_close(json);
	ASSERT(json->depth == 0);
	putchar('\n');
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	start_value(json, key);
	iprintf("%lu", value);
}

void json_i64(struct json *json, const char *key, int64_t value)
{
	start_value(json, key);
	iprintf("%ld", value);
}

void json_text(struct json *json, const char *key, const char *text)
{
	start_value(json, key);
	put_string(text);
}

void json_fixed(struct json *json, const char *key, int64_t value, unsigned digits)
{
	ASSERT(digits <= 9);
	uint64_t scale = 1, magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	for (unsigned i = 0; i < digits; i++)
		scale *= 10;
	start_value(json, key);
	iprintf("%s%lu", value < 0 ? "-" : "", magnitude / scale);
	if (digits > 0)
		iprintf(".%0*lu", (int)digits, magnitude % scale);
}

void json_object(struct json *json, const char *key)
{
	start_value(json, key);
	open_level(json, '{', '}');
}

void json_array(struct json *json, const char *key)
{
	start_value(json, key);
	open_level(json, '[', ']');
}

void json_close(struct json *json)
{
	ASSERT(json->depth > 0);
	putchar(json->closers[--json->depth]);
	json->comma = true;
}
