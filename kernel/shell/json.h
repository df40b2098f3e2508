/* One JSON object on one line of the console, written as it goes: no tree, no memory.
 *
 *   struct json json = json_begin();
 *   json_u64(&json, "order", 3);
 *   json_array(&json, "rows");
 *   json_object(&json, NULL);        members of an array have no key
 *   json_close(&json);
 *   json_close(&json);
 *   json_end(&json);                 {"order":3,"rows":[{}]}
 */
#pragma once

#include "lib/types.h"

#define JSON_DEPTH_MAX 8u

struct json {
	unsigned depth;
	bool comma;		      /* a value stands before in this object or array */
	char closers[JSON_DEPTH_MAX]; /* } or ] of each open level */
};

struct json json_begin(void);
void json_end(struct json *json);

void json_u64(struct json *json, const char *key, uint64_t value);
void json_i64(struct json *json, const char *key, int64_t value);
void json_text(struct json *json, const char *key, const char *text);

/* A number with `digits` decimals, given as an integer: json_fixed(j, "ms", 1234, 1) is 123.4. digits is 0 to 9. */
void json_fixed(struct json *json, const char *key, int64_t value, unsigned digits);

void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close(struct json *json);
