// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How a handshake ends, and what of it stays: its result, the alert that the peer gets,
 * and the tickets that a client still takes.
 *
 * A result is a failure from the start and becomes a success in one place,
 * handshake_finish(), after the certificate check that the policy asks for and with both
 * directions' keys.
 */
#include "handshake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* How many tickets a client waits for, and how long (milliseconds). */
#define POST_MAX 4
#define POST_MS 10000

static unsigned int legacy_allowed(const struct handshake *h)
{
	return h->v.identity ? h->v.identity->legacy : h->config->client_legacy;
}

enum hs_state handshake_failed(struct handshake *h, int err, const char *text)
{
	h->result.err = err;
	snprintf(h->result.text, sizeof(h->result.text), "%s", text);
	return HS_FAILED;
}

/* ---- sessions that a client resumes ---- */

/*
 * TLS 1.2 has its ticket or session id by now; in TLS 1.3 tickets come to the
 * kernel, after the handshake.
 */
static void keep_session(struct handshake *h)
{
	struct hs_result *r = &h->result;

	if (!SSL_session_reused(h->ssl))
		h->born = time(NULL);
	if (SSL_version(h->ssl) < TLS1_3_VERSION) {
		resume_put(h->config->sessions, &h->key, SSL_get_session(h->ssl), h->born);
	} else if (rewrap_init(&h->rewrap, h->ssl, r->rx.secret, r->rx.secret_len)) {
		r->post_max = POST_MAX;
		r->post_ms = POST_MS;
	}
}

/* A ticket of TLS 1.3, in handshake_post(). */
int handshake_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct handshake *h = handshake_of(ssl);

	if (h && h->done && SSL_version(ssl) == TLS1_3_VERSION)
		resume_put(h->config->sessions, &h->key, session, h->born);
	return 0;	/* not kept here */
}

/* ---- the end ---- */

static int verify_errno(long code)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return EKEYEXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return EKEYREVOKED;
	default:
		return EKEYREJECTED;
	}
}

enum hs_state handshake_explain(struct handshake *h)
{
	unsigned long e = ERR_peek_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;
	struct hs_result *r = &h->result;
	long code = SSL_get_verify_result(h->ssl);

	if (h->forbidden) {
		handshake_failed(h, EACCES, h->forbidden);
		policy_refused(&h->req, r);
	} else if (r->alert_received >= 0 && r->alert_received != SSL_AD_CLOSE_NOTIFY) {
		r->err = ECONNABORTED;
		snprintf(r->text, sizeof(r->text), "peer sent alert: %s",
			 SSL_alert_desc_string_long(r->alert_received));
	} else if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		r->verify = code;
		r->err = verify_errno(code);
		snprintf(r->text, sizeof(r->text), "certificate verify failed: %s",
			 X509_verify_cert_error_string(code));
	} else if (ERR_GET_REASON(e) == SSL_R_INVALID_STATUS_RESPONSE && code) {
		r->verify = code;
		r->err = verify_errno(code);
		snprintf(r->text, sizeof(r->text), "OCSP response: %s",
			 X509_verify_cert_error_string(code));
	} else if (ERR_GET_REASON(e) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		handshake_failed(h, EKEYREJECTED, "peer did not return a certificate");
	} else if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE) {
		handshake_failed(h, ENOMEM, "out of memory");
	} else {
		handshake_failed(h, EBADMSG, why ? why : "handshake failed");
	}
	ERR_clear_error();
	return HS_FAILED;
}

/* A client that must verify does so even if OpenSSL was told otherwise. */
static bool peer_is_good(const struct handshake *h)
{
	int mode = handshake_verify_mode(h);

	if (!(mode & SSL_VERIFY_PEER) || psk_used(h->ssl))
		return true;
	if (!SSL_get0_peer_certificate(h->ssl))
		return h->req.server && !(mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	return SSL_get_verify_result(h->ssl) == X509_V_OK;
}

/* Has it one of the names that the identity allows?  Of resumed sessions, too. */
static bool client_is_allowed(const struct handshake *h)
{
	const X509 *cert = SSL_get0_peer_certificate(h->ssl);

	return !h->req.server || !h->v.identity->client_names || !cert || psk_used(h->ssl) ||
	       name_allows(h->v.identity->client_names, cert);
}

static void keep_names(struct handshake *h)
{
	struct hs_result *r = &h->result;
	const unsigned char *alpn;
	unsigned int len;

	SSL_get0_alpn_selected(h->ssl, &alpn, &len);
	if (len && len < sizeof(r->alpn) && !memchr(alpn, 0, len))
		memcpy(r->alpn, alpn, len);
	if (h->v.identity)
		snprintf(r->identity, sizeof(r->identity), "%s", h->v.identity->name);
}

/* Both directions' keys; in TLS 1.3 the key log has given them. */
static int take_keys(struct handshake *h)
{
	struct hs_result *r = &h->result;

	if (SSL_version(h->ssl) == TLS1_3_VERSION)
		return r->tx.secret_len && r->rx.secret_len ? 0 : EOPNOTSUPP;
	return kssl_keys12(h->ssl, h->etm, &r->tx, &r->rx);
}

static void keep_suite(struct handshake *h)
{
	struct hs_result *r = &h->result;

	r->version = (uint16_t)SSL_version(h->ssl);
	r->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h->ssl));
}

/* In clear. */
static void put_alert(uint8_t *record, int alert)
{
	const uint8_t bytes[HS_ALERT_LEN] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL,
					      (uint8_t)alert };

	memcpy(record, bytes, sizeof(bytes));
}

/**
 * handshake_refusal() - what the peer of a handshake that does not begin is told
 * @why: from handshake_new()
 * @record: of HS_ALERT_LEN bytes, filled
 *
 * Return: its length; 0: nothing.
 */
size_t handshake_refusal(const struct hs_result *why, uint8_t *record)
{
	if (why->alert_sent < 0)
		return 0;
	put_alert(record, why->alert_sent);
	return HS_ALERT_LEN;
}

/*
 * An alert that OpenSSL would not send: in clear as long as we send in clear, else the
 * kernel seals it.
 */
static void send_alert(struct handshake *h, uint8_t alert)
{
	struct hs_result *r = &h->result;
	uint8_t record[HS_ALERT_LEN];

	if (!h->sealing) {
		put_alert(record, alert);
		if (BIO_write(h->out, record, sizeof(record)) == sizeof(record))
			r->alert_sent = alert;
		return;
	}
	keep_suite(h);
	if (r->version == TLS1_2_VERSION && kssl_keys12(h->ssl, h->etm, &r->tx, &r->rx))
		return;
	r->alert_sent = alert;
	r->alert_sealed = true;
}

static enum hs_state refused(struct handshake *h, int err, uint8_t alert, const char *text)
{
	send_alert(h, alert);
	return handshake_failed(h, err, text);
}

/* What a client could not help, such as our want of memory, does not count. */
enum hs_state handshake_failed_by_peer(struct handshake *h, enum hs_state state)
{
	if (h->req.server && h->result.err != ENOMEM)
		rate_failed(h->config->rates, &h->req.remote, handshake_now());
	return state;
}

static enum hs_state refused_by_peer(struct handshake *h, int err, uint8_t alert, const char *text)
{
	return handshake_failed_by_peer(h, refused(h, err, alert, text));
}

/* The one place where a failure becomes a success. */
enum hs_state handshake_finish(struct handshake *h)
{
	struct hs_result *r = &h->result;
	int err;

	if (SSL_has_pending(h->ssl) || BIO_ctrl_pending(h->in))
		return refused_by_peer(h, EBADMSG, SSL_AD_UNEXPECTED_MESSAGE,
				       "more behind Finished in its record");
	if (!peer_is_good(h))
		return refused(h, EKEYREJECTED, SSL_AD_BAD_CERTIFICATE, "peer was not verified");
	if (!client_is_allowed(h))
		return refused_by_peer(h, EKEYREJECTED, SSL_AD_ACCESS_DENIED,
				       "client-names has none of the certificate's names");
	if (!suites_allowed(SSL_get_current_cipher(h->ssl), legacy_allowed(h)))
		return refused(h, EINVAL, SSL_AD_HANDSHAKE_FAILURE, "cipher suite is not allowed");
	if (!policy_kept(h->v.policy, h->ssl))
		return refused(h, EACCES, SSL_AD_HANDSHAKE_FAILURE,
			       "the policy does not allow that version or suite");
	err = take_keys(h);
	if (err == ENOMEM)
		return refused(h, err, SSL_AD_INTERNAL_ERROR, "out of memory");
	if (err)
		return refused(h, EINVAL, SSL_AD_INTERNAL_ERROR, "no keys for that cipher suite");
	if (SSL_version(h->ssl) == TLS1_2_VERSION)
		export_master12(h->ssl, &r->exporter);
	r->peer = peer_describe(h->ssl, SSL_session_reused(h->ssl) ? h->chain :
							     SSL_get0_verified_chain(h->ssl));
	if (!r->peer)
		return refused(h, ENOMEM, SSL_AD_INTERNAL_ERROR, "out of memory");
	keep_names(h);
	keep_suite(h);
	r->legacy = kssl_suite_find(r->suite)->weak;
	r->record_limit = limit_of_peer(h->ssl);
	r->fragment = limit_of_both(h->ssl);
	r->resumed = SSL_session_reused(h->ssl) && !psk_used(h->ssl);
	if (h->keyed)
		keep_session(h);
	r->err = 0;
	h->done = true;
	return HS_DONE;
}

/**
 * handshake_refuse() - what the peer sent next is no record
 * @h: a handshake that is not over
 * @alert: what the kernel wants it to be told
 *
 * Return: HS_FAILED.
 */
enum hs_state handshake_refuse(struct handshake *h, int alert)
{
	bool too_long = alert == SSL_AD_RECORD_OVERFLOW;

	return refused_by_peer(h, too_long ? EMSGSIZE : EBADMSG, (uint8_t)alert,
			       too_long ? "record too long" : "bad record header");
}

struct hs_result *handshake_result(struct handshake *h)
{
	return &h->result;
}

/**
 * handshake_linger() - the result was taken; tickets are still to come
 * @h: a handshake that is done
 *
 * Only what handshake_post() needs is kept: in it, the server's first traffic key.
 */
void handshake_linger(struct handshake *h)
{
	struct hs_result *r = &h->result;

	OPENSSL_cleanse(&r->tx, sizeof(r->tx));
	OPENSSL_cleanse(&r->rx, sizeof(r->rx));
	OPENSSL_cleanse(&r->exporter, sizeof(r->exporter));
	free(r->peer);
	r->peer = NULL;
}

/**
 * handshake_post() - a ticket that the kernel has opened
 * @h: a handshake that lingers
 * @message: NewSessionTicket, header included
 * @len: its length
 *
 * OpenSSL may want to answer nonsense with an alert; that is not sent.
 *
 * Return: false if no more can follow.
 */
bool handshake_post(struct handshake *h, const uint8_t *message, size_t len)
{
	int ret, why;
	char byte;

	ERR_clear_error();
	if (!rewrap_message(&h->rewrap, h->in, message, len))
		return false;
	ret = SSL_read(h->ssl, &byte, 1);
	why = SSL_get_error(h->ssl, ret);
	ERR_clear_error();
	handshake_sent(h);
	return ret <= 0 && why == SSL_ERROR_WANT_READ && ++h->posts < POST_MAX;
}
