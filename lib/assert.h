/* Assertions: what a comment claims, checked in every build. For programmers' errors only; bytes from outside are
 * checked with if. The port says what failing means: a panic with a backtrace in the kernel, a failed test on the host.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((noreturn)) void assert_failed(const char *file, int line, const char *cond);

#ifdef __cplusplus
}
#endif

#undef ASSERT /* a port's own, see lib/types.h */
#define ASSERT(cond)                                              \
	do {                                                      \
		if (__builtin_expect(!(cond), 0))                 \
			assert_failed(__FILE__, __LINE__, #cond); \
	} while (0)
