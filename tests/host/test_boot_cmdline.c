/* The loader's reading of EFI load options, which are whatever a boot manager left there. */

#include <string.h>

#include "boot/cmdline.h"
#include "tests/unit/test.h"

#define OPTIONS(text) (u##text), sizeof(u##text)

static size_t read_options(const void *options, size_t bytes, char out[32])
{
	uint32_t value;
	cmdline_from_options(options, bytes, out, 32, &value);
	return strlen(out);
}

TEST(boot_cmdline, takes_the_text_up_to_its_end)
{
	char out[32];
	CHECK_EQ(read_options(OPTIONS("zero.policy=alloc"), out), 17);
	CHECK_STR(out, "zero.policy=alloc");
	CHECK_EQ(read_options(u"abc", 4, out), 2); /* no NUL within the bytes given */
	CHECK_STR(out, "ab");
	CHECK_EQ(read_options(u"abc", 5, out), 2); /* half a character more */
	CHECK_EQ(read_options(NULL, 0, out), 0);
	CHECK_STR(out, "");
}

TEST(boot_cmdline, leaves_out_the_programs_name)
{
	char out[32];
	CHECK_EQ(read_options(OPTIONS("BOOTX64.EFI a=1  b=2"), out), 8);
	CHECK_STR(out, "a=1  b=2");
	CHECK_EQ(read_options(OPTIONS("\\EFI\\bootx64.efi"), out), 0);
	CHECK_STR(out, "");
	CHECK_EQ(read_options(OPTIONS("efi a"), out), 5);
	CHECK_STR(out, "efi a");
}

TEST(boot_cmdline, refuses_binary_and_overlong)
{
	char out[32];
	CHECK_EQ(read_options("\x01\x02\x03\x04\x05\x06", 6, out), 0);
	CHECK_STR(out, "");
	CHECK_EQ(read_options(OPTIONS("caf\u00e9"), out), 0);
	CHECK_STR(out, "");
	CHECK_EQ(read_options(OPTIONS("0123456789012345678901234567890"), out), 31);
	CHECK_EQ(read_options(OPTIONS("01234567890123456789012345678901"), out), 0);
	CHECK_STR(out, "");
}

TEST(boot_cmdline, says_why_there_is_nothing)
{
	char out[32];
	uint32_t value;
	CHECK_EQ(cmdline_from_options(OPTIONS("a=1"), out, 32, &value), BOOT_OPTIONS_SOUND);
	CHECK_EQ(cmdline_from_options(NULL, 0, out, 32, &value), BOOT_OPTIONS_SOUND);
	CHECK_EQ(cmdline_from_options(OPTIONS("caf\u00e9"), out, 32, &value), BOOT_OPTIONS_CHAR);
	CHECK_EQ(value, 0xe9);
	CHECK_EQ(cmdline_from_options(u"\u00e9", 1, out, 32, &value), BOOT_OPTIONS_SOUND); /* half a character */
	CHECK_EQ(cmdline_from_options(OPTIONS("0123456789012345678901234567890"), out, 32, &value), BOOT_OPTIONS_SOUND);
	CHECK_EQ(cmdline_from_options(OPTIONS("01234567890123456789012345678901"), out, 32, &value), BOOT_OPTIONS_LONG);
	CHECK_EQ(value, 32);
}
