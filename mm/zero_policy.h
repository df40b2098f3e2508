/* Who pays for zeroing: the values of the knob zero.policy. Changeable while running; what is in stock stays in stock.
 */
#pragma once

enum zero_policy {
	ZERO_POLICY_IDLE,  /* the idle loop, ahead of the request */
	ZERO_POLICY_ALLOC, /* the request itself: the baseline */
	ZERO_POLICY_FREE,  /* whoever frees */
};
