/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir api.
 */
#include <stdio.h>

#include "api/token.h"
#include "cli/call.h"
#include "cli/verbs.h"

/* Needs no daemon: the token is shown once, the configuration keeps the hash. */
int verb_api_token(const struct cli *c, const struct args *a, const struct verb *v)
{
	char text[TOKEN_TEXT_LEN], stored[TOKEN_STORED_LEN];

	if (token_new(text, stored) != 0)
		return cli_error(CLI_FAILED, "no random numbers for a token can be had from the kernel");
	if (c->json)
		printf("{\"token\":\"%s\",\"hash\":\"%s\"}\n", text, stored);
	else
		printf("token  %s\nhash   %s\n\nGive the token to the client; it is not shown again. In the "
		       "configuration:\n"
		       "api:\n  tokens:\n    - {name: NAME, role: ro, hash: \"%s\"}\n",
			text, stored, stored);
	return CLI_OK;
}
