/* Running a test row in the guest, from the `test` command's side. */
#pragma once

#include "tests/unit/test.h"

enum guest_result { GUEST_PASSED, GUEST_FAILED, GUEST_INTERRUPTED };

/* Runs one row and ends its fixture. Failed: where and why is printed. Interrupted: it ended at a check since ^C waits
 * to be said. A panic that the row doesn't expect isn't caught: the machine stops with the backtrace. */
enum guest_result guest_run_test(const struct test_row *row);
