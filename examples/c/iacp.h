/* Sessions of IACP and decisions about envelopes of CEP, for C. Made by cbindgen from src/: do not edit. */

#ifndef IACP_H
#define IACP_H

#include <stddef.h>
#include <stdint.h>

// Done. Calls that return a length return it instead.
#define IACP_OK 0

// A pointer is null, memory is misaligned or too short, or a number has no meaning.
#define IACP_ARGUMENT -1

// Not in this state of the session.
#define IACP_NOT_NOW -2

// The peer's window or the log is full: again after IACP_EVENT_WRITABLE.
#define IACP_FULL -3

// Longer than one frame holds.
#define IACP_TOO_LONG -4

// The EID is our own, or no key.
#define IACP_KEY -5

// The datagram is noise, a repeat or too much at once. Nothing that was accepted has changed.
#define IACP_DISCARDED -6

// Bytes of memory for a receiver, aligned to IACP_ALIGNMENT.
#define CEP_RECEIVER_BYTES 16384

// Progression is allowed.
#define CEP_CONTINUE 0

// Progression goes on along a branch.
#define CEP_FORK 1

// A person has to look at it.
#define CEP_TRIAGE 2

// It waits until both sides agree again.
#define CEP_RESYNC 3

// It is isolated until policy has reviewed it.
#define CEP_QUARANTINE 4

// Nothing has happened.
#define IACP_EVENT_NONE 0

// Both sides hold the same keys: data may flow.
#define IACP_EVENT_ESTABLISHED 1

// The peer is silent, or the way to it is lost.
#define IACP_EVENT_DISCONNECTED 2

// The peer is back, and both sides have what the other had sent.
#define IACP_EVENT_RECONCILED 3

// The peer is at another address: everything goes there from now on.
#define IACP_EVENT_MOVED 4

// Everything that was sent is acknowledged.
#define IACP_EVENT_DELIVERED 5

// There is room again after IACP_FULL.
#define IACP_EVENT_WRITABLE 6

// The peer has said everything and asks to end the session: iacp_close.
#define IACP_EVENT_CLOSE_REQUESTED 7

// The session is over in good order.
#define IACP_EVENT_CLOSED 8

// The session is over otherwise: something may be lost.
#define IACP_EVENT_BROKEN 9

// Something else has changed that needs no act.
#define IACP_EVENT_OTHER 10

// Bytes of memory for a node, aligned to IACP_ALIGNMENT.
#define IACP_NODE_BYTES 6144

// The alignment of memory that is lent to the library.
#define IACP_ALIGNMENT 16

// The most bytes of one datagram of a session.
#define IACP_DATAGRAM_BYTES 1200

// The most bytes of content in one datagram.
#define IACP_CONTENT_BYTES 1111

// Nothing is due.
#define IACP_NEVER UINT64_MAX

// The memory of a receiver. Its fields are not for C.
typedef struct CepReceiver CepReceiver;

// An agent with its session, in memory of the caller's. Its fields are not for C.
typedef struct IacpNode IacpNode;

// Bytes that are lent: text as UTF-8, without a zero at its end.
typedef struct {
  // Null where there is none.
  const uint8_t *at;
  // How many.
  size_t length;
} CepBytes;

// What was delivered, and the one key that its sender may seal with.
typedef struct {
  // The visible name.
  CepBytes name;
  // The object.
  CepBytes content;
  // The outer object with the sealed manifest.
  CepBytes sealed;
  // Who this receiver is.
  CepBytes recipient;
  // Who sent it, as the way of delivery says.
  CepBytes sender;
  // What the key is called.
  CepBytes signer;
  // The sender's Ed25519 key, 32 bytes.
  const uint8_t *key;
  // When it arrived, in seconds of Unix time.
  int64_t arrival;
} CepDelivery;

// An address of IP.
typedef struct {
  // 4 or 6.
  uint8_t version;
  // In network order; of version 4 the first four.
  uint8_t ip[16];
  // In the byte order of the host.
  uint16_t port;
} IacpAddress;

// Content that came.
typedef struct {
  // Its place in the peer's stream: it may come out of order, and comes once.
  uint64_t sequence;
  // In the buffer of the datagram.
  uint8_t *content;
  // Its length in bytes.
  size_t length;
} IacpData;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes a receiver that has never decided anything at the start of `memory` (`length` bytes, CEP_RECEIVER_BYTES are
// enough; aligned). `secret` is 16 random bytes. Null when something is wrong with the arguments.
//
// # Safety
// The pointers lend what is said of them; the memory is the receiver's alone.
CepReceiver *cep_begin(uint8_t *memory,
                       size_t length,
                       const uint8_t *secret);

// Decides about a delivery: one of CEP_CONTINUE to CEP_QUARANTINE, or a negative number. What may go on is remembered
// before this returns; when the memory is full it is CEP_TRIAGE.
//
// # Safety
// The pointers lend what is said of them.
int32_t cep_decide(CepReceiver *receiver,
                   const CepDelivery *delivery);

// Makes a node at the start of `memory` (`length` bytes, IACP_NODE_BYTES are enough; aligned). `seed` is the agent's
// private key, `entropy` 32 random bytes that are used for nothing else. Times are milliseconds of a clock that never
// goes back. Null when something is wrong with the arguments.
//
// # Safety
// The pointers lend what is said of them; the memory is the node's alone until iacp_end.
IacpNode *iacp_begin(uint8_t *memory,
                     size_t length,
                     const uint8_t *seed,
                     uint64_t now,
                     const uint8_t *entropy);

// Wipes the node's secrets. Its memory is free again.
//
// # Safety
// `node` is null or of iacp_begin, and is not used any more.
void iacp_end(IacpNode *node);

// Writes the agent's EID, 32 bytes.
//
// # Safety
// `node` is of iacp_begin, and `eid` lends 32 bytes.
int32_t iacp_eid(const IacpNode *node, uint8_t *eid);

// Lets the agent of this EID (32 bytes) begin a session with the node; null lets any agent, and iacp_peer then says which
// it is. Before this call no agent may.
//
// # Safety
// `node` is of iacp_begin; `eid` is null, or lends 32 bytes.
int32_t iacp_listen(IacpNode *node,
                    const uint8_t *eid);

// Writes the EID of the session's peer, 32 bytes: after IACP_EVENT_ESTABLISHED it has shown that it holds the key.
// IACP_NOT_NOW where there has been no session.
//
// # Safety
// `node` is of iacp_begin, and `eid` lends 32 bytes.
int32_t iacp_peer(const IacpNode *node,
                  uint8_t *eid);

// Begins a session with the agent of this EID (32 bytes) at this address. `entropy` as for iacp_begin, and new.
//
// # Safety
// The pointers lend what is said of them.
int32_t iacp_initiate(IacpNode *node,
                      uint64_t now,
                      const uint8_t *eid,
                      const IacpAddress *to,
                      const uint8_t *entropy);

// Takes a datagram. It is decrypted where it stands: 1 if it has content, which `data` then says; IACP_OK if it has
// none; IACP_DISCARDED if it is noise. Afterwards ask for events and for what is to be sent.
//
// # Safety
// The pointers lend what is said of them; `datagram` lends `length` bytes.
int32_t iacp_handle(IacpNode *node,
                    uint64_t now,
                    const IacpAddress *from,
                    uint8_t *datagram,
                    size_t length,
                    IacpData *data);

// Sends content of at most IACP_CONTENT_BYTES: it is sealed now, and kept until the peer has it.
//
// # Safety
// `content` lends `length` bytes.
int32_t iacp_send(IacpNode *node, uint64_t now, const uint8_t *content, size_t length);

// Writes the next datagram that is to be sent to `out` (IACP_DATAGRAM_BYTES) and where to; returns its length, 0 if
// there is none. Call it until there is none.
//
// # Safety
// `out` lends `room` bytes, `to` an address.
int32_t iacp_transmit(IacpNode *node,
                      uint64_t now,
                      uint8_t *out,
                      size_t room,
                      IacpAddress *to);

// What has changed: an IACP_EVENT. Call it until there is none.
//
// # Safety
// `node` is of iacp_begin.
int32_t iacp_event(IacpNode *node);

// When iacp_handle_deadline is to be called.
//
// # Safety
// `node` is of iacp_begin.
uint64_t iacp_next_deadline(const IacpNode *node);

// Does what is due by now. `entropy` as for iacp_begin, and new.
//
// # Safety
// `entropy` lends 32 bytes.
int32_t iacp_handle_deadline(IacpNode *node, uint64_t now, const uint8_t *entropy);

// Ends the session once everything is delivered. IACP_EVENT_CLOSED says when.
//
// # Safety
// `node` is of iacp_begin.
int32_t iacp_close(IacpNode *node, uint64_t now);

// Ends the session now, whatever the peer does: what is not acknowledged may be lost, and the peer is told. Where a peer does
// not let iacp_close come to its end, this does.
//
// # Safety
// `node` is of iacp_begin.
int32_t iacp_abort(IacpNode *node,
                   uint64_t now);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* IACP_H */
