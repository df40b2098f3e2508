/* Tests that must fail, each in another way: they prove that the runner sees it. */
#include "port/mm_port.h"
#include "tests/unit/test.h"

TEST(canary, check_fails)
{
	CHECK_EQ(1, 2);
}

TEST(canary, panic_fails)
{
	mm_port_panic("a %s", "canary");
}

TEST(canary, missing_panic_fails)
{
	CHECK_PANIC((void)0, "anything");
}
