/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "api/settings.h"

static void put_hex(char *out, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int token_hash(const char *token, uint8_t out[static TOKEN_HASH_LEN])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), out) == 0 ? 0 : -EIO;
}

int token_new(char text[static TOKEN_TEXT_LEN], char stored[static TOKEN_STORED_LEN])
{
	uint8_t bytes[TOKEN_HASH_LEN];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -EIO;
	memcpy(text, "weir_", 5);
	put_hex(text + 5, bytes, sizeof bytes);
	if (token_hash(text, bytes) != 0)
		return -EIO;
	memcpy(stored, "sha256:", 7);
	put_hex(stored + 7, bytes, sizeof bytes);
	return 0;
}

int token_hash_parse(const char *text, uint8_t out[static TOKEN_HASH_LEN])
{
	const char *hex = text + 7;

	if (strncmp(text, "sha256:", 7) != 0 || strlen(hex) != 2 * TOKEN_HASH_LEN)
		return -EINVAL;
	for (unsigned i = 0; i < TOKEN_HASH_LEN; i++) {
		int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

const struct api_token *token_find(const struct api_settings *s, const char *text)
{
	const struct api_token *found = NULL;
	uint8_t hash[TOKEN_HASH_LEN];

	if (token_hash(text, hash) != 0)
		return NULL;
	for (unsigned i = 0; i < s->token_count; i++)
		if (gnutls_memcmp(s->token[i].hash, hash, sizeof hash) == 0)
			found = &s->token[i];
	return found;
}
