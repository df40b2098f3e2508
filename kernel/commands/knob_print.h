/* How a knob and a preset look on the console.
 */
#pragma once

#include "lib/table.h"

void knob_print(const struct knob_row *row);
void preset_print(const struct preset_row *preset);
