/* The version: shown first thing at boot and by `version`.
 */
#pragma once

#define NOUGHT_VERSION "0.1.0"
