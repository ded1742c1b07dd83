/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tokens of the API: 256 random bits as text; the configuration keeps their SHA-256 only (docs/decisions).
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_API_TOKEN_H
#define WEIR_API_TOKEN_H

#define TOKEN_TEXT_LEN 70   /* "weir_" and 64 hexadecimal digits, with the NUL */
#define TOKEN_STORED_LEN 72 /* "sha256:" and 64 digits, with the NUL */

/* A new token, and what to write into the configuration for it. 0 or a negative errno. */
int token_new(char text[static TOKEN_TEXT_LEN], char stored[static TOKEN_STORED_LEN]);

#endif
