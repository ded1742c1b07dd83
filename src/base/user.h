/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of local users. Only /etc/passwd is read: a directory server that does not answer must not hold the
 * control thread.
 *
 * Thread-safety: any thread.
 */
#ifndef WEIR_BASE_USER_H
#define WEIR_BASE_USER_H

#include <stdint.h>

#define USER_NAME_LEN 40

/* The user's name, or "uid N" where /etc/passwd does not have it. Returns buf. */
const char *user_name(uint32_t uid, char buf[static USER_NAME_LEN]);

#endif
