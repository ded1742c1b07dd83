/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the words of a change to the JSON body the API takes. Pure: no daemon, no output.
 */
#ifndef WEIR_CLI_GRAMMAR_H
#define WEIR_CLI_GRAMMAR_H

#include <jansson.h>

#include "cli/words.h"

/* Each returns a new object, or NULL with a sentence. */

/* [TYPE] PREFIX [vrf V] [distance N] [via A] [dev I] [weight N] ... [nexthop via A dev I weight N] ...
 * `paths`: false for delete, which takes the prefix and the VRF only. `family` settles "default". */
json_t *grammar_route(struct words *a, uint8_t family, bool paths, struct err *e);

/* ADDRESS [lladdr MAC] dev IFACE; `mac`: lladdr is required, else refused. */
json_t *grammar_neighbor(struct words *a, bool mac, struct err *e);

/* [dev IFACE] */
json_t *grammar_flush(struct words *a, struct err *e);

/* PREFIX dev IFACE */
json_t *grammar_address(struct words *a, struct err *e);

#endif
