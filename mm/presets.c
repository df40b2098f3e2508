/* What the kernel starts with, as a preset: the knobs of every feature. Whoever applies a preset passes over the knobs
 * of a feature that isn't built in.
 */
#include "port/mm_port.h"

#include "lib/table.h"

TABLE_FILE(mm_presets);

PRESET(default, "default", "what the kernel starts with", "mm.shuffle=off", "zero.policy=idle", "zero.low_pct=0",
       "zero.high_pct=1", "zero.batch_frames=64", "zero.delay_ms=10", "zero.rate_mbps=0", "report.order=9",
       "report.delay_ms=200", "report.batch=32", "report.reserve_pct=0", "report.timeout_ms=1000",
       "report.rate_mbps=0");
