#include "kernel/machine/cmdline.h"

#include "kernel/base/log.h"
#include "kernel/shell/knob.h"

void cmdline_apply(char *cmdline)
{
	knob_assign_words(cmdline, log_printf);
}
