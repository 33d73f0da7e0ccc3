//! The general workflow: ingestion, and the steps of ERP (`IACP App. B.7`, `§4.1.2.1`).
//!
//! B.7 has a state that sniffs Link headers and the switch point, but no row from one to the other. The picture of
//! `§4.1.2.1` has the missing state (`BASELINE_CORE`); its two arrows are taken from there and marked `Said`.
//!
//! ```
//! use iacp_core::dhi::workflow::{Event, State};
//!
//! let mut state = State::SwitchPoint;
//! state.step(Event::PureDataStream)?;
//! assert_eq!(state.step(Event::FastPathTerminated)?, State::LegacyPathExecution, "T_eval is over");
//! assert!(state.step(Event::PureDataStream).is_err(), "the legacy path is an end");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "workflow", "App. B.7";
    starts in InputReceived or Bound;
    ends in ProblemCaching, LegacyPathExecution, NativeAnmlIngestion, ErpDeflect;
    states {
        /// A URI came in.
        InputReceived = "INPUT_RECEIVED",
        /// DNS SRV is asked for an endpoint made for agents (§4.1.2.1: DNS_SRV_EVALUATION).
        ResolvingInfra = "RESOLVING_INFRA",
        /// `/.well-known/anml` is asked for.
        WellKnownEval = "WELL_KNOWN_EVAL",
        /// The endpoint is blocked for at least 300 s (§4.1.2.1: PROBLEM_CACHE).
        ProblemCaching = "PROBLEM_CACHING",
        /// The answer's headers are searched for Link entries that point to ANML.
        LinkHeaderSniff = "LINK_HEADER_SNIFF",
        /// All discovered information is gathered (only in §4.1.2.1).
        BaselineCore = "BASELINE_CORE",
        /// The decision between native and legacy.
        SwitchPoint = "SWITCH_POINT",
        /// The browser's way: heavy media, or no ANML.
        LegacyPathExecution = "LEGACY_PATH_EXECUTION",
        /// The agent's way: pure ANML (§4.1.2.1: NATIVE_ANML_PATH).
        NativeAnmlIngestion = "NATIVE_ANML_INGESTION",
        /// An ERP context whose binding is confirmed (B.2).
        Bound = "BOUND",
        /// A packet is being deflected. This is an action that the draft draws as a state.
        ErpDeflect = "ERP_DEFLECT (0x0E)",
    }
    events {
        /// Resolution begins.
        InitiateResolve = "INITIATE_RESOLVE",
        /// DNS answered.
        DnsSuccess = "DNS_SUCCESS",
        /// Unreachable, 404 or timeout.
        EndpointUnreachable = "ENDPOINT_UNREACHABLE",
        /// The endpoint answered.
        EndpointResponsive = "ENDPOINT_RESPONSIVE",
        /// The headers are read (the arrow has no label in the draft; the name is ours).
        HeadersSniffed = "HEADERS_SNIFFED",
        /// The gathered information goes to the switch point (the arrow has no label in the draft; the name is ours).
        ContextPassed = "CONTEXT_PASSED",
        /// Rich media is required, or no ANML was found.
        HeavyMedia = "HEAVY_MEDIA",
        /// Text is enough and ANML is there.
        PureDataStream = "PURE_DATA_STREAM",
        /// The fast path ends: out of time or room, or the content is not what was promised (a label of §4.1.2.2).
        FastPathTerminated = "TERM_FAST_PATH",
        /// A packet cannot be routed to its destination.
        RoutingFailure = "Routing Failure",
    }
    rows {
        // keeps: IACP-165 (B.7)
        Drawn: InputReceived + InitiateResolve => ResolvingInfra;
        Drawn: ResolvingInfra + DnsSuccess => WellKnownEval;
        Drawn: WellKnownEval + EndpointUnreachable => ProblemCaching;
        Drawn: WellKnownEval + EndpointResponsive => LinkHeaderSniff;
        // keeps: IACP-029 (§4.1.2.1)
        Said: LinkHeaderSniff + HeadersSniffed => BaselineCore, "the picture of §4.1.2.1";
        Said: BaselineCore + ContextPassed => SwitchPoint, "the picture of §4.1.2.1";
        Drawn: SwitchPoint + HeavyMedia => LegacyPathExecution;
        Drawn: SwitchPoint + PureDataStream => NativeAnmlIngestion;
        // keeps: IACP-034 (§4.1.2.1), IACP-035 (§4.1.2.1)
        Said: NativeAnmlIngestion + FastPathTerminated => LegacyPathExecution, "§4.1.2.1 d: T_eval or buffer exhausted";
        Said: NativeAnmlIngestion + EndpointUnreachable => ProblemCaching, "§4.1.2.1 d: no candidate can be had";
        Ours: ResolvingInfra + EndpointUnreachable => ProblemCaching, "T_eval may be lower than the time for DNS";
        Ours: LinkHeaderSniff + EndpointUnreachable => ProblemCaching, "the target itself is asked, and fails";
        Drawn: Bound + RoutingFailure => ErpDeflect, "an action drawn as a state: the context stays BOUND (B.2)";
    }
    notes {
        "B.7 has no row from LINK_HEADER_SNIFF to SWITCH_POINT; the picture of §4.1.2.1 leads there through \
         BASELINE_CORE, over two arrows without labels.",
        "ERP_DEFLECT (0x0E) is a frame that is sent, drawn as a state: the context that sends it stays BOUND; no row \
         leads to BOUND here, and none on from ERP_DEFLECT.",
        "B.7 and §4.1.2.1 name the same things differently: RESOLVING_INFRA and DNS_SRV_EVALUATION, \
         PROBLEM_CACHING and PROBLEM_CACHE, NATIVE_ANML_INGESTION and NATIVE_ANML_PATH.",
        "A failed SRV query has no row in B.7: SRV improves, it prevents nothing, so DNS has succeeded either way.",
    }
}
