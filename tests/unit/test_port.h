/* How a test ends early, and what a test may ask of the machine it runs on. The functions exist twice, for the host in
 * tests/host/runner.c and for the guest in tests/guest/test_port.c.
 *
 *   test_port_fail           prints where and why, ends the test
 *   test_port_breathe        called by each check: where the user wants the test to end, it doesn't return
 *   test_port_panic_begin    true the first time; false after a panic in what follows came back here
 *   test_port_panic_missing  the statement ended without one
 *   test_port_panic_check    the message of the panic that came back contains text
 *   test_port_note           prints a line that belongs to the running test, a seed say
 *   test_port_seed           another number each time, or the one that the user asks for (SEED=n in the host's
 *                            environment, the guest's knob test.seed)
 *   test_port_pass_ns        lets that much time pass on mm_port_now_ns()'s clock; in the guest other threads and
 *                            the idle loop go on meanwhile
 *   test_port_frames         a block of 1 << order frames that nobody else uses, aligned to its size, contents
 *                            undefined; MM_PFN_NONE where the machine is too small
 *   test_port_frames_back    gives it back
 */
#pragma once

#include <setjmp.h>

#include "lib/types.h"

_Noreturn void test_port_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void test_port_breathe(void);

jmp_buf *test_port_panic_arm(void);
#define test_port_panic_begin() (setjmp(*test_port_panic_arm()) == 0)

_Noreturn void test_port_panic_missing(const char *file, int line, const char *statement);
void test_port_panic_check(const char *file, int line, const char *text);

void test_port_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t test_port_seed(void);
void test_port_pass_ns(uint64_t ns);
pfn_t test_port_frames(unsigned order);
void test_port_frames_back(pfn_t pfn, unsigned order);
