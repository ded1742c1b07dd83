/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the words of a change to the JSON body the API takes. Pure: no daemon, no output.
 */
#ifndef WEIR_CLI_BODY_H
#define WEIR_CLI_BODY_H

#include <jansson.h>

#include "cli/args.h"

/* Each returns a new object, or NULL with a sentence. The words have passed the verb's grammar. */

/* A route or its prefix. `family` settles "default" when no next hop does. */
json_t *body_route(const struct args *a, uint8_t family, struct err *e);

/* ADDRESS, lladdr, dev. */
json_t *body_neighbor(const struct args *a, struct err *e);

/* [dev IFACE] */
json_t *body_flush(const struct args *a, struct err *e);

/* IFADDR dev IFACE */
json_t *body_address(const struct args *a, struct err *e);

#endif
