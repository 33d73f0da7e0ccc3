//! Every table of the draft, every state and every event: what moves, where to, and what is refused.
//!
//! The grids below are written by hand from the draft, not from the code: a state per line, an event per column, in
//! each cell the state that follows. `.` is a refusal; `*` marks a move that is ours, `+` one that the draft makes
//! elsewhere than in the table. A wide grid comes in several blocks, each with its own head.

use std::collections::{BTreeMap, BTreeSet};

use iacp_core::machine::{Machine, Origin, Row};
use iacp_core::tables::MACHINES;
use iacp_core::{dhi::workflow, discovery::dfa, erp::context, guard::breaker};
use iacp_core::{
    governance::{escrow, quarantine, revocation},
    pss::{continuity, lifecycle},
};

/// `IACP App. B.1`
const DISCOVERY: &str = "
                | RX_DISCOVERY_REQ | POW_FAILURE | POW_SUCCESS
LISTEN          | VALIDATING_POW   | .           | .
VALIDATING_POW  | .                | LISTEN      | AWAIT_IDENTITY
AWAIT_IDENTITY  | .                | .           | .
PSS_NEGOTIATING | .                | .           | .
ESTABLISHED     | .                | .           | .

                | RX_PSS_INIT_(SFC=1) | RX_PSS_INIT_(SFC=0) | IDENTITY_TIMEOUT
LISTEN          | .                   | .                   | .
VALIDATING_POW  | .                   | .                   | .
AWAIT_IDENTITY  | PSS_NEGOTIATING     | ESTABLISHED         | LISTEN
PSS_NEGOTIATING | .                   | .                   | .
ESTABLISHED     | .                   | .                   | .
";

/// `IACP App. B.2`
const ERP_CONTEXT: &str = "
               | ERP_INIT (0x11) | ERP_ALLOC (0x14) | ERP_REGISTER (0x15)
UNBOUND        | ALLOCATED       | .                | .
ALLOCATED      | .               | ALLOCATED        | TRANSITION
TRANSITION     | .               | .                | .
BOUND          | .               | .                | .
EVOLVE_PENDING | .               | .                | .

               | DHT Confirmation | Network Churn | App Digest Change
UNBOUND        | .                | .             | .
ALLOCATED      | .                | .             | .
TRANSITION     | BOUND            | TRANSITION*   | .
BOUND          | .                | TRANSITION    | EVOLVE_PENDING
EVOLVE_PENDING | .                | .             | .

               | Evolution Accepted | Evolution Refused | Registration Refused | Deregistration | Purge
UNBOUND        | .                  | .                 | .                    | .              | .
ALLOCATED      | .                  | .                 | .                    | UNBOUND*       | UNBOUND*
TRANSITION     | .                  | .                 | UNBOUND*             | UNBOUND*       | UNBOUND*
BOUND          | .                  | .                 | .                    | UNBOUND*       | UNBOUND*
EVOLVE_PENDING | BOUND*             | UNBOUND*          | .                    | UNBOUND*       | UNBOUND*
";

/// `IACP App. B.3`
const BREAKER: &str = "
       | RX_REQUEST_WITH_TICKET | TRAFFIC_SPIKE | RX_REQ_FROM_FLAGGED | COOLDOWN_TIMEOUT | RX_ACCESS_TICKET
CLOSED | CLOSED                 | OPEN          | .                   | .                | .
OPEN   | .                      | .             | OPEN                | CLOSED           | OPEN
";

/// `IACP App. B.4`
const CONTINUITY: &str = "
                    | SFC_EFFECTIVE | RX_OUT_OF_ORDER  | ANOMALY_CLEARED | HEARTBEAT_FAIL       | QUIC_CONN_CLOSE
PSS_NEGOTIATING     | ESTABLISHED   | .                | .               | SESSION_COMPROMISED* | .
ESTABLISHED         | .             | ANOMALY_FLAGGED  | .               | SESSION_COMPROMISED  | DISCONNECTED
ANOMALY_FLAGGED     | .             | ANOMALY_FLAGGED* | ESTABLISHED     | SESSION_COMPROMISED  | DISCONNECTED*
SESSION_COMPROMISED | .             | .                | .               | .                    | .
DISCONNECTED        | .             | .                | .               | SESSION_COMPROMISED* | .
RECONCILING         | .             | .                | .               | SESSION_COMPROMISED* | DISCONNECTED*

                    | PEER_RECONNECT | STATE_VECTORS_MATCH
PSS_NEGOTIATING     | .              | .
ESTABLISHED         | .              | .
ANOMALY_FLAGGED     | .              | .
SESSION_COMPROMISED | .              | .
DISCONNECTED        | RECONCILING    | .
RECONCILING         | .              | ESTABLISHED
";

/// `IACP §6.4.2`
const LIFECYCLE: &str = "
                  | Transmit PSS_INIT | Receive PSS_NEG | Emit PSS_ACK      | PSS_TEARDOWN / PSS_REVOCATION
STATE_CLOSED      | STATE_HEARING     | .               | .                 | .
STATE_HEARING     | .                 | STATE_HEARING   | STATE_ESTABLISHED | .
STATE_ESTABLISHED | .                 | .               | .                 | STATE_CLOSED

                  | out-of-order or invalid packet | HANDSHAKE_FAILED | Accept PSS_ACK
STATE_CLOSED      | .                              | .                | STATE_ESTABLISHED*
STATE_HEARING     | STATE_CLOSED+                  | STATE_CLOSED*    | .
STATE_ESTABLISHED | .                              | .                | .
";

/// `IACP App. B.5`
const QUARANTINE: &str = "
                   | RX_REVOCATION_TICKET | QUARANTINE_EXPIRED | RX_COUNTER_PROOF | CLEANUP_COMPLETE
ESTABLISHED        | CURATOR_QUARANTINE   | .                  | .                | .
CURATOR_QUARANTINE | .                    | EVICTED_PEER       | ESTABLISHED      | .
EVICTED_PEER       | .                    | .                  | .                | LISTEN
LISTEN             | .                    | .                  | .                | .
";

/// `IACP App. B.6`
const REVOCATION: &str = "
                              | VALIDATE_ANOMALY     | POM_GENERATED    | CERT_CONTRADICTION | MALFEASANCE_PROVEN
SESSION_COMPROMISED           | EMERGENCY_REVOCATION | .                | .                  | .
EMERGENCY_REVOCATION          | .                    | PROPAGATING_WARN | .                  | .
PROPAGATING_WARN              | .                    | .                | .                  | .
ACTIVE_CURATOR                | .                    | .                | QUARANTINE         | .
QUARANTINE                    | .                    | .                | .                  | PERMANENT_DECAPITATION
PERMANENT_DECAPITATION        | .                    | .                | .                  | .
AUTOMATED_EMERGENCY_MIGRATION | .                    | .                | .                  | .

                              | QUARANTINE_TIMEOUT | CURATOR_FLAGGED
SESSION_COMPROMISED           | .                  | .
EMERGENCY_REVOCATION          | .                  | .
PROPAGATING_WARN              | .                  | .
ACTIVE_CURATOR                | .                  | AUTOMATED_EMERGENCY_MIGRATION
QUARANTINE                    | ACTIVE_CURATOR     | AUTOMATED_EMERGENCY_MIGRATION
PERMANENT_DECAPITATION        | .                  | .
AUTOMATED_EMERGENCY_MIGRATION | .                  | .
";

/// `IACP §5.5.2`, and `§4.2.7.2` for the rebuttal
const ESCROW: &str = "
                 | PoM Published    | Escrow Epoch Expires | Verified Rebuttal
STATE_NOMINAL    | STATE_CHALLENGED | .                    | .
STATE_CHALLENGED | .                | STATE_SLASHED        | STATE_NOMINAL+
STATE_SLASHED    | .                | .                    | .
";

/// `IACP App. B.7`, and `§4.1.2.1` for the baseline core
const WORKFLOW: &str = "
                      | INITIATE_RESOLVE | DNS_SUCCESS     | ENDPOINT_UNREACHABLE | ENDPOINT_RESPONSIVE
INPUT_RECEIVED        | RESOLVING_INFRA  | .               | .                    | .
RESOLVING_INFRA       | .                | WELL_KNOWN_EVAL | PROBLEM_CACHING*     | .
WELL_KNOWN_EVAL       | .                | .               | PROBLEM_CACHING      | LINK_HEADER_SNIFF
PROBLEM_CACHING       | .                | .               | .                    | .
LINK_HEADER_SNIFF     | .                | .               | PROBLEM_CACHING*     | .
BASELINE_CORE         | .                | .               | .                    | .
SWITCH_POINT          | .                | .               | .                    | .
LEGACY_PATH_EXECUTION | .                | .               | .                    | .
NATIVE_ANML_INGESTION | .                | .               | PROBLEM_CACHING+     | .
BOUND                 | .                | .               | .                    | .
ERP_DEFLECT (0x0E)    | .                | .               | .                    | .

                      | HEADERS_SNIFFED | CONTEXT_PASSED | HEAVY_MEDIA           | TERM_FAST_PATH
INPUT_RECEIVED        | .               | .              | .                     | .
RESOLVING_INFRA       | .               | .              | .                     | .
WELL_KNOWN_EVAL       | .               | .              | .                     | .
PROBLEM_CACHING       | .               | .              | .                     | .
LINK_HEADER_SNIFF     | BASELINE_CORE+  | .              | .                     | .
BASELINE_CORE         | .               | SWITCH_POINT+  | .                     | .
SWITCH_POINT          | .               | .              | LEGACY_PATH_EXECUTION | .
LEGACY_PATH_EXECUTION | .               | .              | .                     | .
NATIVE_ANML_INGESTION | .               | .              | .                     | LEGACY_PATH_EXECUTION+
BOUND                 | .               | .              | .                     | .
ERP_DEFLECT (0x0E)    | .               | .              | .                     | .

                      | PURE_DATA_STREAM      | Routing Failure
INPUT_RECEIVED        | .                     | .
RESOLVING_INFRA       | .                     | .
WELL_KNOWN_EVAL       | .                     | .
PROBLEM_CACHING       | .                     | .
LINK_HEADER_SNIFF     | .                     | .
BASELINE_CORE         | .                     | .
SWITCH_POINT          | NATIVE_ANML_INGESTION | .
LEGACY_PATH_EXECUTION | .                     | .
NATIVE_ANML_INGESTION | .                     | .
BOUND                 | .                     | ERP_DEFLECT (0x0E)
ERP_DEFLECT (0x0E)    | .                     | .
";

/// State and event → the state that follows and whose move it is, or `None` for a refusal.
type Grid = BTreeMap<(&'static str, &'static str), Option<(&'static str, Origin)>>;

fn read(grid: &'static str) -> Grid {
    let mut cells = Grid::new();
    for block in grid.split("\n\n") {
        let mut lines = block.lines().filter(|line| !line.trim().is_empty());
        let events: Vec<_> = lines.next().expect("a head").split('|').skip(1).map(str::trim).collect();
        for line in lines {
            let mut columns = line.split('|').map(str::trim);
            let state = columns.next().expect("a state");
            let columns: Vec<_> = columns.collect();
            assert_eq!(columns.len(), events.len(), "{line}");
            for (&event, cell) in events.iter().zip(columns) {
                let outcome = match (cell, cell.strip_suffix('*'), cell.strip_suffix('+')) {
                    (".", ..) => None,
                    (_, Some(ours), _) => Some((ours, Origin::Ours)),
                    (_, _, Some(said)) => Some((said, Origin::Said)),
                    (drawn, ..) => Some((drawn, Origin::Drawn)),
                };
                assert!(cells.insert((state, event), outcome).is_none(), "{state} on {event} stands twice in the grid");
            }
        }
    }
    cells
}

/// Compares every state × every event of one machine with its grid: `next`, `step`, names, rows and origins.
macro_rules! the_table_is {
    ($module:ident, $grid:expr) => {{
        let mut grid = read($grid);
        let rows: BTreeMap<_, _> = $module::ROWS.iter().map(|row| ((row.state, row.event), row)).collect();
        assert_eq!(rows.len(), $module::ROWS.len(), "one row per state and event");
        for &state in $module::STATES {
            for &event in $module::EVENTS {
                let cell = (state.name(), event.name());
                let expected = grid.remove(&cell).unwrap_or_else(|| panic!("{state} on {event} is not in the grid"));
                assert_eq!(state.next(event).map(|next| next.name()), expected.map(|(next, _)| next), "{cell:?}");
                assert_eq!(rows.get(&cell).map(|row| (row.next, row.origin)), expected, "{cell:?}");
                let mut moved = state;
                match moved.step(event) {
                    Ok(next) => assert_eq!((Some(moved), moved), (state.next(event), next), "{cell:?}"),
                    Err(refused) => {
                        assert_eq!(expected, None, "{cell:?}");
                        assert_eq!(moved, state, "a refused move leaves the state as it was");
                        assert_eq!((refused.state, refused.event), (state, event));
                        assert_eq!(refused.to_string(), format!("no move from {} on {}", cell.0, cell.1));
                    }
                }
            }
        }
        assert!(grid.is_empty(), "the table lacks {grid:?}");
        assert_eq!($module::MACHINE.rows, $module::ROWS);
        assert_eq!($module::MACHINE.initial.first(), Some(&$module::State::INITIAL.name()));
    }};
}

/// Walks `events` from `state`; `None` as soon as one is refused.
macro_rules! walk {
    ($module:ident, $state:ident $(, $event:ident)*) => {
        [$($module::Event::$event),*].into_iter().try_fold($module::State::$state, |state, event| state.next(event))
    };
}

fn names(symbols: &[iacp_core::machine::Symbol]) -> BTreeSet<&'static str> {
    symbols.iter().map(|symbol| symbol.name).collect()
}

fn into<'a>(machine: &'a Machine, state: &str) -> Vec<&'a Row> {
    machine.rows.iter().filter(|row| row.next == state && row.state != state).collect()
}

// shows: IACP-169 (§8.7)
#[test]
fn discovery_is_as_b1_draws_it() {
    the_table_is!(dfa, DISCOVERY);
    assert_eq!(dfa::MACHINE.finals, ["PSS_NEGOTIATING", "ESTABLISHED"], "the set F of B.1");
}

// shows: IACP-077 (§4.2.3.3)
#[test]
fn the_erp_context_is_as_b2_draws_it() {
    the_table_is!(context, ERP_CONTEXT);
}

// shows: IACP-124 (§5.4.2)
#[test]
fn the_breaker_is_as_b3_draws_it() {
    the_table_is!(breaker, BREAKER);
}

// shows: IACP-160 (§6.4.2)
#[test]
fn the_session_is_as_b4_draws_it() {
    the_table_is!(continuity, CONTINUITY);
}

// shows: IACP-160 (§6.4.2)
#[test]
fn the_lifecycle_is_as_its_picture_draws_it() {
    the_table_is!(lifecycle, LIFECYCLE);
}

// shows: IACP-163 (B.5)
#[test]
fn curator_quarantine_is_as_b5_draws_it() {
    the_table_is!(quarantine, QUARANTINE);
}

// shows: IACP-163 (B.5)
#[test]
fn revocation_is_as_b6_draws_it() {
    the_table_is!(revocation, REVOCATION);
}

// shows: IACP-126 (§5.5.2)
#[test]
fn the_escrow_is_as_its_picture_draws_it() {
    the_table_is!(escrow, ESCROW);
}

// shows: IACP-165 (B.7)
#[test]
fn the_workflow_is_as_b7_draws_it() {
    the_table_is!(workflow, WORKFLOW);
}

// shows: IACP-140 (§6.3.1)
#[test]
fn only_a_proof_of_work_leads_to_a_state_that_keeps_memory() {
    assert_eq!(dfa::State::INITIAL, dfa::State::Listen);
    let ways: Vec<_> = into(&dfa::MACHINE, "AWAIT_IDENTITY").iter().map(|row| (row.state, row.event)).collect();
    assert_eq!(ways, [("VALIDATING_POW", "POW_SUCCESS")]);
    for session in ["PSS_NEGOTIATING", "ESTABLISHED"] {
        assert!(into(&dfa::MACHINE, session).iter().all(|row| row.state == "AWAIT_IDENTITY"), "{session}");
    }
}

// shows: IACP-079 (B.2)
#[test]
fn every_live_context_finds_its_way_back_to_unbound() {
    for &state in context::STATES.iter().filter(|&&state| state != context::State::Unbound) {
        assert_eq!(state.next(context::Event::Purge), Some(context::State::Unbound), "{state}");
        assert_eq!(state.next(context::Event::Deregistration), Some(context::State::Unbound), "{state}");
    }
    assert_eq!(walk!(context, Transition, RegistrationRefused), Some(context::State::Unbound));
    assert_eq!(walk!(context, EvolvePending, EvolutionRefused), Some(context::State::Unbound));
    assert_eq!(walk!(context, Unbound, Purge), None, "nothing is there to purge");
}

// shows: IACP-077 (§4.2.3.3)
#[test]
fn a_context_is_allocated_registered_and_confirmed_before_it_is_bound() {
    assert_eq!(
        walk!(context, Unbound, ErpInit, ErpAlloc, ErpRegister, DhtConfirmation, NetworkChurn, DhtConfirmation),
        Some(context::State::Bound)
    );
    assert_eq!(walk!(context, Unbound, ErpInit, DhtConfirmation), None, "no confirmation without a registration");
}

// shows: IACP-124 (§5.4.2)
#[test]
fn a_ticket_does_not_close_a_tripped_breaker_and_a_cooldown_does() {
    assert_eq!(walk!(breaker, Closed, TrafficSpike, RxAccessTicket, RxReqFromFlagged), Some(breaker::State::Open));
    assert_eq!(walk!(breaker, Closed, TrafficSpike, CooldownTimeout), Some(breaker::State::Closed));
}

// shows: IACP-161 (B.4)
#[test]
fn a_flagged_session_that_loses_its_transport_reconciles_like_any_other() {
    assert_eq!(
        walk!(continuity, Established, RxOutOfOrder, QuicConnClose, PeerReconnect, StateVectorsMatch),
        Some(continuity::State::Established)
    );
}

// shows: IACP-160 (§6.4.2)
#[test]
fn nothing_leaves_a_compromised_session_and_nothing_reconciles_a_negotiation() {
    for &event in continuity::EVENTS {
        assert_eq!(continuity::State::SessionCompromised.next(event), None, "{event}");
    }
    assert_eq!(walk!(continuity, PssNegotiating, QuicConnClose), None);
}

// shows: IACP-145 (§6.4.2)
#[test]
fn a_packet_out_of_order_closes_the_handshake_and_no_established_session() {
    assert_eq!(walk!(lifecycle, Closed, TransmitPssInit, OutOfOrderOrInvalid), Some(lifecycle::State::Closed));
    assert_eq!(walk!(lifecycle, Established, OutOfOrderOrInvalid), None);
}

// shows: IACP-163 (B.5)
#[test]
fn expiry_evicts_a_proven_peer_and_restores_an_unproven_curator() {
    assert_eq!(
        walk!(quarantine, Established, RxRevocationTicket, QuarantineExpired),
        Some(quarantine::State::EvictedPeer)
    );
    assert_eq!(
        walk!(revocation, ActiveCurator, CertContradiction, QuarantineTimeout),
        Some(revocation::State::ActiveCurator)
    );
}

// shows: IACP-164 (B.6)
#[test]
fn sub_spaces_of_a_flagged_curator_migrate_whatever_their_own_standing() {
    let migrating = Some(revocation::State::AutomatedEmergencyMigration);
    assert_eq!(walk!(revocation, ActiveCurator, CuratorFlagged), migrating);
    assert_eq!(walk!(revocation, ActiveCurator, CertContradiction, CuratorFlagged), migrating);
}

// shows: IACP-126 (§5.5.2)
#[test]
fn nobody_is_slashed_unchallenged_and_no_rebuttal_comes_after_the_slashing() {
    assert_eq!(walk!(escrow, Nominal, EscrowEpochExpires), None);
    assert_eq!(walk!(escrow, Nominal, PomPublished, VerifiedRebuttal), Some(escrow::State::Nominal));
    assert_eq!(walk!(escrow, Nominal, PomPublished, EscrowEpochExpires, VerifiedRebuttal), None);
}

// shows: IACP-029 (§4.1.2.1)
#[test]
fn the_switch_point_is_reached_only_through_every_step_before_it() {
    assert_eq!(
        walk!(workflow, InputReceived, InitiateResolve, DnsSuccess, EndpointResponsive, HeadersSniffed, ContextPassed),
        Some(workflow::State::SwitchPoint)
    );
    let ways: Vec<_> = into(&workflow::MACHINE, "SWITCH_POINT").iter().map(|row| row.state).collect();
    assert_eq!(ways, ["BASELINE_CORE"]);
}

#[test]
fn every_machine_is_listed_once() {
    let listed: Vec<_> = MACHINES.iter().map(|machine| (machine.name, machine.section, machine.rows.len())).collect();
    assert_eq!(
        listed,
        [
            ("discovery", "App. B.1", 6),
            ("erp-context", "App. B.2", 18),
            ("circuit-breaker", "App. B.3", 5),
            ("pss-session", "App. B.4", 14),
            ("pss-lifecycle", "§6.4.2", 7),
            ("curator-quarantine", "App. B.5", 4),
            ("revocation", "App. B.6", 7),
            ("escrow", "§5.5.2", 3),
            ("workflow", "App. B.7", 13),
        ]
    );
}

#[test]
fn every_state_can_be_reached_and_every_event_matters() {
    for machine in MACHINES {
        let mut reached: BTreeSet<_> = machine.initial.iter().copied().collect();
        for _ in machine.states {
            reached.extend(
                machine.rows.iter().filter(|row| reached.contains(row.state)).map(|row| row.next).collect::<Vec<_>>(),
            );
        }
        assert_eq!(reached, names(machine.states), "{}", machine.name);
        assert_eq!(
            machine.rows.iter().map(|row| row.event).collect::<BTreeSet<_>>(),
            names(machine.events),
            "{}",
            machine.name
        );
    }
}

#[test]
fn names_are_unique_explained_and_the_only_ones_in_rows() {
    for machine in MACHINES {
        assert_eq!(names(machine.states).len(), machine.states.len(), "{}", machine.name);
        assert_eq!(names(machine.events).len(), machine.events.len(), "{}", machine.name);
        for symbol in machine.states.iter().chain(machine.events) {
            assert!(!symbol.meaning.is_empty() && symbol.meaning == symbol.meaning.trim(), "{symbol:?}");
        }
        for state in machine.initial.iter().chain(machine.finals) {
            assert!(names(machine.states).contains(state), "{state}");
        }
    }
}

#[test]
fn a_state_without_a_way_out_is_final() {
    for machine in MACHINES {
        for state in names(machine.states) {
            let way_out = machine.rows.iter().any(|row| row.state == state && row.next != state);
            assert!(way_out || machine.finals.contains(&state), "{}: {state}", machine.name);
        }
    }
}

#[test]
fn what_the_table_does_not_draw_says_why() {
    for machine in MACHINES {
        for row in machine.rows.iter().filter(|row| row.origin != Origin::Drawn) {
            assert!(!row.note.is_empty(), "{}: {row:?}", machine.name);
        }
    }
}
