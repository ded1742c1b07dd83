/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/user.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

const char *user_name(uint32_t uid, char buf[static USER_NAME_LEN])
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd one, *found = NULL;
	char line[1024];
	int rc;

	snprintf(buf, USER_NAME_LEN, "uid %" PRIu32, uid);
	if (f == NULL)
		return buf;
	while ((rc = fgetpwent_r(f, &one, line, sizeof line, &found)) == 0 || rc == ERANGE) {
		if (rc != 0 || one.pw_uid != uid)
			continue; /* a line that is too long is nobody's */
		snprintf(buf, USER_NAME_LEN, "%s", one.pw_name);
		break;
	}
	fclose(f);
	return buf;
}
