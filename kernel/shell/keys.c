/* From bytes to keys; see keys.h. */
#include "kernel/shell/keys.h"

#define CTRL(letter) ((letter)&0x1f)
#define ESC	     0x1b
#define DEL	     0x7f
#define BELL	     0x07

static enum key key_of_control(unsigned char byte)
{
	switch (byte) {
	case '\t':
		return KEY_TAB;
	case CTRL('A'):
		return KEY_HOME;
	case CTRL('B'):
		return KEY_LEFT;
	case CTRL('D'):
		return KEY_DELETE;
	case CTRL('E'):
		return KEY_END;
	case CTRL('F'):
		return KEY_RIGHT;
	case CTRL('G'):
		return KEY_CANCEL;
	case CTRL('H'):
	case DEL:
		return KEY_BACKSPACE;
	case CTRL('K'):
		return KEY_CUT_RIGHT;
	case CTRL('L'):
		return KEY_CLEAR;
	case CTRL('N'):
		return KEY_NEWER;
	case CTRL('P'):
		return KEY_OLDER;
	case CTRL('R'):
		return KEY_SEARCH;
	case CTRL('S'):
		return KEY_SEARCH_NEWER;
	case CTRL('U'):
		return KEY_CUT_LEFT;
	case CTRL('W'):
		return KEY_CUT_WORD;
	default:
		return KEY_NONE;
	}
}

/* The last byte of a control sequence or of SS3. Numbers before a letter are modifiers (CSI 1;5D is ctrl-left) and
 * change nothing here. */
static enum key key_of_final(unsigned char byte, unsigned parameter)
{
	switch (byte) {
	case 'A':
		return KEY_OLDER;
	case 'B':
		return KEY_NEWER;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'F':
		return KEY_END;
	case 'H':
		return KEY_HOME;
	case '~':
		switch (parameter) {
		case 1:
		case 7:
			return KEY_HOME;
		case 3:
			return KEY_DELETE;
		case 4:
		case 8:
			return KEY_END;
		}
		return KEY_NONE;
	default:
		return KEY_NONE;
	}
}

static enum key control_sequence(struct keys *keys, unsigned char byte)
{
	if (byte >= '0' && byte <= '9') {
		if (!keys->parameter_ended && keys->parameter < 1000)
			keys->parameter = keys->parameter * 10 + (byte - '0');
	} else if (byte >= 0x20 && byte <= 0x3f) {
		keys->parameter_ended = true;
	} else if (byte == '[') {
		keys->escape = KEYS_ONE_MORE; /* the Linux console's function keys: CSI [ A */
	} else {
		keys->escape = KEYS_PLAIN;
		return key_of_final(byte, keys->parameter);
	}
	return KEY_NONE;
}

/* A byte within an escape sequence that isn't a control character. */
static enum key escape_feed(struct keys *keys, unsigned char byte)
{
	switch (keys->escape) {
	case KEYS_ESCAPE:
		keys->parameter = 0;
		keys->parameter_ended = false;
		if (byte == '[')
			keys->escape = KEYS_CSI;
		else if (byte == 'O')
			keys->escape = KEYS_SS3;
		else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
			keys->escape = KEYS_STRING;
		else if (byte < 0x20 || byte > 0x2f)
			keys->escape = KEYS_PLAIN; /* alt and a key; intermediate bytes go on */
		break;
	case KEYS_CSI:
	case KEYS_SS3:
		return control_sequence(keys, byte);
	case KEYS_STRING_ESCAPE:
		keys->escape = byte == '\\' ? KEYS_PLAIN : KEYS_STRING;
		break;
	case KEYS_ONE_MORE:
		keys->escape = KEYS_PLAIN;
		break;
	case KEYS_STRING:
	case KEYS_PLAIN:
		break;
	}
	return KEY_NONE;
}

/* A byte beyond ASCII. In UTF-8 the first byte of a character says how many follow, each of those is 80 to bf. */
static enum key other_character(struct keys *keys, unsigned char byte, unsigned utf8_left, char *text)
{
	if (byte < 0xc0 && utf8_left > 0) {
		keys->utf8_left = utf8_left - 1;
		return KEY_NONE;
	}
	keys->utf8_left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
	*text = '?';
	return KEY_TEXT;
}

enum key keys_feed(struct keys *keys, unsigned char byte, char *text)
{
	bool after_cr = keys->after_cr, in_string = keys->escape == KEYS_STRING || keys->escape == KEYS_STRING_ESCAPE;
	unsigned utf8_left = keys->utf8_left;
	keys->after_cr = byte == '\r';
	keys->utf8_left = 0;

	if (byte == '\n' && after_cr)
		return KEY_NONE;
	if (byte == '\r' || byte == '\n' || byte == CTRL('C')) {
		keys->escape = KEYS_PLAIN;
		return byte == CTRL('C') ? KEY_INTERRUPT : KEY_ENTER;
	}
	if (byte == ESC) {
		keys->escape = keys->escape == KEYS_STRING ? KEYS_STRING_ESCAPE : KEYS_ESCAPE;
		return KEY_NONE;
	}
	if (in_string && byte == BELL) {
		keys->escape = KEYS_PLAIN;
		return KEY_NONE;
	}
	if (!in_string && (byte < ' ' || byte == DEL)) {
		keys->escape = KEYS_PLAIN;
		return key_of_control(byte);
	}
	if (keys->escape != KEYS_PLAIN)
		return escape_feed(keys, byte);
	if (byte > '~')
		return other_character(keys, byte, utf8_left, text);
	*text = (char)byte;
	return KEY_TEXT;
}
