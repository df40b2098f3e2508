/* Words that a kernel is likely to have itself, beside which mm/ must build. */
#pragma once
