//! UART 0 of the board, a CMSDK APB UART. Its interrupt does nothing but wake the loop, which then reads.

use core::ptr::{read_volatile, with_exposed_provenance_mut, write_volatile};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// Where its registers are: data, state, control, an interrupt's, and the divisor of the clock.
const BASE: usize = 0x4000_4000;
const DATA: usize = BASE;
const STATE: usize = BASE + 4;
const CONTROL: usize = BASE + 8;
const INTERRUPT: usize = BASE + 12;
const DIVISOR: usize = BASE + 16;

const SEND_FULL: u32 = 1 << 0;
const RECEIVED: u32 = 1 << 1;
const SEND_AND_RECEIVE: u32 = 0b11;
/// Received bytes interrupt; and the same bit of the interrupt's register.
const RECEIVE_INTERRUPTS: u32 = 1 << 3;
const RECEIVE_INTERRUPT: u32 = 1 << 1;

/// Its first interrupt: a byte has come.
#[derive(Clone, Copy)]
struct Received;

// SAFETY: the board's interrupt 0, as its manual (Arm DAI 0386) has it.
unsafe impl InterruptNumber for Received {
    fn number(self) -> u16 {
        0
    }
}

#[exception]
unsafe fn DefaultHandler(_interrupt: i16) {
    set(INTERRUPT, RECEIVE_INTERRUPT);
}

pub struct Uart(());

impl Uart {
    /// To be called once: nothing else touches these registers.
    pub fn open() -> Self {
        set(DIVISOR, 25_000_000 / 115_200);
        set(CONTROL, SEND_AND_RECEIVE | RECEIVE_INTERRUPTS);
        // SAFETY: its handler shares nothing with the rest of the program.
        unsafe { NVIC::unmask(Received) };
        Self(())
    }

    pub fn read(&mut self) -> Option<u8> {
        (get(STATE) & RECEIVED != 0).then(|| get(DATA).to_le_bytes()[0])
    }

    pub fn write(&mut self, byte: u8) {
        while get(STATE) & SEND_FULL != 0 {}
        set(DATA, u32::from(byte));
    }
}

fn get(register: usize) -> u32 {
    // SAFETY: an aligned register of this board's, which only this module touches; it is no memory of the program's.
    unsafe { read_volatile(with_exposed_provenance_mut(register)) }
}

fn set(register: usize, value: u32) {
    // SAFETY: as above.
    unsafe { write_volatile(with_exposed_provenance_mut(register), value) }
}
