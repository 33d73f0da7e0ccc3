//! The empty memory of an LL-Entity is all zeros: static tables lie where no initial values are kept.
#![cfg(target_os = "linux")]

use std::hint::black_box;
use std::sync::Mutex;

use iacp_core::crypto::ChaChaOnly;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{
    BargainSlot, Channel, DepositSlot, GroupSlot, LineSlot, PeerSlot, SessionSlot, TicketSlot,
};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::sandbox::DerivedSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::pss::shared::EndpointSlot;
use iacp_core::slots::{HeapCell, Slot};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

macro_rules! tables {
    ($($name:ident: $slot:ty = $empty:expr;)*) => {
        $(static $name: Mutex<[$slot; 2]> = Mutex::new([const { $empty }; 2]);)*
        /// Names and sizes.
        const TABLES: &[(&str, usize)] = &[$((stringify!($name), 2 * size_of::<$slot>())),*];

        fn keep() {
            $(black_box(&$name);)*
        }
    };
}

tables! {
    ENTITY_AGENTS: Slot<AgentSlot<ChaChaOnly>> = Slot::new(AgentSlot::EMPTY);
    ENTITY_SESSIONS: Slot<SessionSlot<ChaChaOnly, 2048, 4>> = Slot::new(SessionSlot::EMPTY);
    ENTITY_PEERS: Slot<PeerSlot> = Slot::new(PeerSlot::EMPTY);
    ENTITY_FIFO: Slot<FifoCell> = Slot::new(FifoCell::EMPTY);
    ENTITY_OUTBOX: Slot<OutboxCell> = Slot::new(OutboxCell::EMPTY);
    ENTITY_HEAP: HeapCell = HeapCell::EMPTY;
    ENTITY_CHANNELS: Channel = Channel::NEW;
    ENTITY_LINES: Slot<LineSlot> = Slot::new(LineSlot::EMPTY);
    ENTITY_DERIVED: DerivedSlot = DerivedSlot::EMPTY;
    ENTITY_RECEIPTS: ReceiptSlot = ReceiptSlot::EMPTY;
    ENTITY_ENDPOINTS: EndpointSlot = EndpointSlot::EMPTY;
    ENTITY_GROUPS: Slot<GroupSlot> = Slot::new(GroupSlot::EMPTY);
    ENTITY_TICKETS: TicketSlot = TicketSlot::EMPTY;
    ENTITY_DEPOSITS: DepositSlot = DepositSlot::EMPTY;
    ENTITY_BARGAINS: Slot<BargainSlot> = Slot::new(BargainSlot::EMPTY);
}

/// One that is not empty, to show that the test would notice it.
static FILLED_CELLS: Mutex<[u32; 64]> = Mutex::new([7; 64]);

#[test]
fn an_empty_table_of_the_ll_entity_takes_no_initial_values() {
    keep();
    black_box(&FILLED_CELLS);
    let program = std::env::current_exe().and_then(std::fs::read).expect("the program can be read");
    let file = object::File::parse(program.as_slice()).expect("an object file");
    let kind = |name: &str, size: usize| {
        let mut symbols = file.symbols();
        let symbol = symbols.find(|symbol| symbol.name().is_ok_and(|found| found.contains(name))).expect(name);
        assert!(symbol.size() >= size as u64, "{name}: {} bytes", symbol.size());
        file.section_by_index(symbol.section_index().expect("a section")).expect("it is there").kind()
    };
    for (name, size) in TABLES {
        assert_eq!(kind(name, *size), SectionKind::UninitializedData, "{name}");
    }
    assert_eq!(kind("FILLED_CELLS", 256), SectionKind::Data);
}
