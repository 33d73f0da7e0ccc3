/* Two agents in one process: a handshake, content in both directions, and an end in good order; then an envelope. Every
   datagram goes through `wire`, which loses every fifth. */
#include "iacp.h"
#include <stdio.h>
#include <string.h>

static _Alignas(IACP_ALIGNMENT) uint8_t memory[2][IACP_NODE_BYTES];
static _Alignas(IACP_ALIGNMENT) uint8_t receiver_memory[CEP_RECEIVER_BYTES];

/* A stand-in: bytes that differ from call to call. A device takes its hardware generator. */
static const uint8_t *entropy(void) {
    static uint8_t bytes[32];
    static uint32_t count;
    count += 1;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &count, sizeof count);
    return bytes;
}

static const IacpAddress address[2] = {{4, {192, 0, 2, 1}, 4227}, {4, {192, 0, 2, 2}, 4227}};
static IacpNode *node[2];
static uint64_t now = 1000;
static unsigned carried, lost, came[2], established, closed, broken;
static char got[2][64];

static void hear(int side) {
    for (int32_t event; (event = iacp_event(node[side])) != IACP_EVENT_NONE;) {
        if (event == IACP_EVENT_ESTABLISHED) established += 1;
        if (event == IACP_EVENT_CLOSE_REQUESTED) iacp_close(node[side], now);
        if (event == IACP_EVENT_CLOSED) closed += 1;
        if (event == IACP_EVENT_BROKEN) broken += 1;
        if (event < 0) printf("side %d: %d\n", side, (int)event);
    }
}

/* What one side has to say, to the other. */
static void wire(int side) {
    uint8_t datagram[IACP_DATAGRAM_BYTES];
    IacpAddress to;
    IacpData data;
    for (int32_t length; (length = iacp_transmit(node[side], now, datagram, sizeof datagram, &to)) > 0;) {
        if (++carried % 5 == 0) {
            lost += 1;
            continue;
        }
        int other = 1 - side;
        if (iacp_handle(node[other], now, &address[side], datagram, (size_t)length, &data) == 1 && data.length < 64) {
            memcpy(got[other], data.content, data.length);
            got[other][data.length] = 0;
            came[other] += 1;
        }
        hear(other);
    }
}

/* Lets time go on until `done`, a minute at most. */
static int until(int (*done)(void)) {
    for (int round = 0; round < 6000 && !done(); round++) {
        for (int side = 0; side < 2; side++) {
            if (iacp_next_deadline(node[side]) <= now) iacp_handle_deadline(node[side], now, entropy());
            hear(side);
            wire(side);
        }
        now += 10;
    }
    return done();
}

static int is_established(void) { return established == 2; }
static int has_come(void) { return came[0] == 1 && came[1] == 1; }
static int is_closed(void) { return closed == 2; }
static int is_broken(void) { return broken == 2; }

static int check(int holds, const char *what) {
    printf("%s %s\n", holds ? "  yes" : "   NO", what);
    return holds ? 0 : 1;
}

static CepBytes text(const char *of) { return (CepBytes){(const uint8_t *)of, strlen(of)}; }

int main(int count, char **words) {
    uint8_t seed[32], eid[32];
    int failed = 0;
    for (int side = 0; side < 2; side++) {
        memset(seed, 1 + side, sizeof seed);
        node[side] = iacp_begin(memory[side], sizeof memory[side], seed, now, entropy());
    }
    failed += check(node[0] && node[1], "two nodes stand in memory of the program's");
    failed += check(!iacp_begin(memory[0] + 1, sizeof memory[0] - 1, seed, now, seed), "misaligned memory is refused");
    failed += check(iacp_send(node[0], now, seed, 32) == IACP_NOT_NOW, "nothing is sent before there is a session");
    iacp_eid(node[1], eid);
    failed += check(iacp_peer(node[0], seed) == IACP_NOT_NOW, "there is no peer before there is a session");
    failed += check(iacp_initiate(node[0], now, eid, &address[1], entropy()) == IACP_OK, "a session is begun");
    failed += check(!until(is_established) && broken == 1, "a node that listens to no agent does not answer");
    iacp_listen(node[1], eid);
    iacp_initiate(node[0], now, eid, &address[1], entropy());
    failed += check(!until(is_established) && broken == 2, "nor one that listens to another agent");
    iacp_eid(node[0], eid);
    iacp_listen(node[1], eid);
    iacp_eid(node[1], eid);
    failed += check(iacp_initiate(node[0], now, eid, &address[1], entropy()) == IACP_OK, "a session is begun anew");
    failed += check(until(is_established), "both sides hold the same keys");
    failed += check(iacp_peer(node[0], seed) == IACP_OK && !memcmp(seed, eid, 32), "the peer is the agent that was meant");
    iacp_send(node[0], now, (const uint8_t *)"Good day", 8);
    iacp_send(node[1], now, (const uint8_t *)"and to you", 10);
    failed += check(until(has_come) && !strcmp(got[1], "Good day") && !strcmp(got[0], "and to you"), "content came, once");
    iacp_close(node[0], now);
    failed += check(until(is_closed), "the session ended in good order");
    failed += check(lost > 0, "datagrams were lost on the way");
    for (int side = 0; side < 2; side++) iacp_end(node[side]);

    /* Both begin at once: one of the two attempts becomes the session. */
    established = 0;
    for (int side = 0; side < 2; side++) {
        memset(seed, 3 + side, sizeof seed);
        node[side] = iacp_begin(memory[side], sizeof memory[side], seed, now, entropy());
    }
    for (int side = 0; side < 2; side++) {
        iacp_eid(node[1 - side], eid);
        iacp_initiate(node[side], now, eid, &address[1 - side], entropy());
    }
    failed += check(until(is_established), "two attempts that cross become one session");
    broken = 0;
    failed += check(iacp_abort(node[0], now) == IACP_OK && until(is_broken), "an abort ends it on both sides");
    for (int side = 0; side < 2; side++) iacp_end(node[side]);

    /* The test gives the outer object, the key and the time of arrival. */
    if (count == 4) {
        static uint8_t sealed[4096], key[32];
        FILE *file = fopen(words[1], "rb");
        size_t length = file ? fread(sealed, 1, sizeof sealed, file) : 0;
        if (file) fclose(file);
        for (int at = 0; at < 32; at++) sscanf(words[2] + 2 * at, "%2hhx", &key[at]);
        long long arrival = 0;
        sscanf(words[3], "%lld", &arrival);
        CepReceiver *bob = cep_begin(receiver_memory, sizeof receiver_memory, entropy());
        CepDelivery delivery = {text("20261127t015116z.file.alice.normal"), text("another"), {sealed, length}, text("bob"),
                                text("alice"), text("alice-1"), key, arrival};
        failed += check(cep_decide(bob, &delivery) == CEP_QUARANTINE, "another content is quarantined");
        delivery.content = text("object");
        failed += check(cep_decide(bob, &delivery) == CEP_CONTINUE, "what alice has sealed continues");
    }
    printf("%s\n", failed ? "VERDICT: DOES NOT HOLD." : "VERDICT: holds.");
    return failed != 0;
}
