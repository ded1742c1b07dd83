/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The terminal that standard output is, if it is one: size, colour, pager, and Ctrl-C as something that ends
 * a command instead of the program.
 */
#ifndef WEIR_CLI_TERM_H
#define WEIR_CLI_TERM_H

#include <stdbool.h>

struct term {
	bool tty;
	bool color;             /* a terminal, and NO_COLOR is not set */
	unsigned columns, rows; /* 0: not a terminal, no limit */
};

enum color { COLOR_NONE, COLOR_BOLD, COLOR_DIM, COLOR_GOOD, COLOR_WARN, COLOR_BAD };

/* Looks at standard output. Call before every command: windows change. */
void term_look(void);
const struct term *term(void);
/* The escape that begins a colour; "" where there is no colour. COLOR_NONE ends it. */
const char *term_color(enum color c);

/* Long output goes through $WEIR_PAGER, $PAGER or less, if standard output is a terminal. Between the two
 * calls standard output is the pager's input; term() still describes the terminal. */
void pager_start(void);
void pager_end(void);

/* Between the two calls SIGINT sets http_interrupted and ends sleeps and calls. */
void interrupt_catch(void);
void interrupt_release(void);
bool interrupted(void);

/* Sleeps; false when it was interrupted. A change of the window's size ends the sleep early (true). */
bool term_sleep(double seconds);

#endif
