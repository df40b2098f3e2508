/* Running a test row in the guest, from the `test` command's side. */
#pragma once

#include "tests/unit/test.h"

/* Runs one row and ends its fixture. False: it failed, and where and why is printed. A panic that the row doesn't
 * expect isn't caught: the machine stops with the backtrace. */
bool guest_run_test(const struct test_row *row);
