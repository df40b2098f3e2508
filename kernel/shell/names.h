/* Every kind of name that one can type, for words that are none of them.
 */
#pragma once

#include "kernel/shell/nearest.h"

/* Offers all that `help` tells of: commands, topics, knobs, counters, presets, benches. */
void names_offer(struct nearest *n);

/* Offers what isn't a command, each with the command that takes it: "knob zero.policy". */
void names_offer_arguments(struct nearest *n);
