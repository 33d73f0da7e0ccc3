//! A sensor node: one agent, whose readings go to a gateway over a serial line, each exactly once, whatever is lost, damaged
//! or reset on the way.
//!
//! It is the whole of what firmware has to bring to the library: a serial port, a clock, randomness, and memory that
//! outlives a reset. What is emulated here says so.
#![no_std]
#![no_main]

mod clock;
mod envelope;
mod memory;
mod panics;
mod policy;
mod random;
mod retained;
mod sensor;
mod uart;
mod vectors;

use cortex_m_rt::entry;
use defmt_semihosting as _;
use iacp_core::erp::entity::{HEAD, HostRequest, HostSettings};
use iacp_core::erp::generation::PORT;
use serial::Decoder;

use envelope::Sealer;
use memory::{Memory, Node};
use sensor::Sensor;

/// Where the node and its gateway are. The line leads nowhere else; what is above needs addresses.
const HERE: [u8; 4] = [192, 0, 2, 2];
const GATEWAY: [u8; 4] = [192, 0, 2, 1];

#[entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::EMPTY;
    static mut POLICY: policy::Memory = policy::Memory::EMPTY;
    static mut WORKSHOP: policy::Workshop = policy::Workshop::VACANT;
    static mut DECODER: Decoder = Decoder::new();
    let Some(peripherals) = cortex_m::Peripherals::take() else { panics::stop("the peripherals are taken") };
    let provisioned = retained::provisioned();
    let retained = retained::load();
    clock::start(peripherals.SYST);
    let mut uart = uart::Uart::open();
    let mut rng = random::generator(&provisioned.key, retained.boots);
    defmt::info!("start {=u32}: {=u64} items are safe", retained.boots, retained.safe);

    let mut governed = policy::Governed::begin(POLICY, WORKSHOP, clock::time(), &mut rng);
    if governed.may_report(policy::PRESENCE, clock::time()) {
        panics::stop("the sensor may report who is there");
    }
    let settings = HostSettings { sessions_each: 2, fifo_each: 1, ..HostSettings::at(HERE.into()).without_directory() };
    // Used where it was made: moved out of the result, its 4 KB would lie on the stack twice.
    let mut made = memory::entity(MEMORY, settings, clock::now(), &mut rng);
    let Ok(node) = &mut made else { panics::stop("a table is too short") };
    let gateway = (provisioned.gateway, (GATEWAY, PORT).into());
    let mut sensor = Sensor::begin(node, retained, Sealer::new(&provisioned.sealing), gateway, &mut rng);
    loop {
        // What has come in.
        while let Some(byte) = uart.read() {
            if let Some(frame) = DECODER.push(byte) {
                let event = node.handle(clock::now(), gateway.1, frame, &mut rng);
                sensor.hear(event);
            }
        }
        let now = clock::now();
        if node.next_deadline().is_some_and(|due| due <= now) {
            node.handle_deadline(now, &mut rng);
        }
        while let Some(event) = node.poll_event() {
            sensor.hear(event);
        }
        while let Some(request) = node.poll_request() {
            // Without a directory there is nothing else to ask.
            if let HostRequest::Persist { eid, what } = request {
                sensor.persist(what);
                node.persisted(now, &eid, what);
            }
        }
        sensor.work(node, &mut governed, now, &mut rng);
        send(node, &mut uart);
        if sensor.has_parted(now) {
            defmt::info!("everything is delivered, and the session is over");
            panics::end();
        }
        // Until a byte has come, or a millisecond has gone by.
        cortex_m::asm::wfi();
    }
}

/// Sends what there is to be sent.
fn send(node: &mut Node, uart: &mut uart::Uart) {
    let mut head = [0; HEAD];
    while let Some(transmit) = node.poll_transmit(clock::now(), &mut head) {
        serial::send(transmit.head, transmit.body, |byte| uart.write(byte));
    }
}
