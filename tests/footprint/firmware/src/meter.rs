//! What a step takes: stack, by painting it; instructions, by a timer of the emulated board.

use core::arch::asm;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

use crate::report::fail;

/// A word that no step leaves in memory by chance.
const PAINT: u32 = 0xa5c3_5a3c;
/// Bytes below the stack pointer that are painted before each step.
const PAINTED: u32 = 128 * 1024;
/// The counter's width.
const RELOAD: u32 = 0x00ff_ffff;
/// Rounds of the loop that the timer is compared with.
const ROUNDS: u32 = 100_000;
/// Instructions of one round.
const ROUND: u32 = 2;

/// What one step took.
pub struct Cost {
    /// Bytes from the stack pointer at the call down to the lowest word that was written.
    pub stack: u32,
    /// Approximate: see [`Meter`].
    pub instructions: u32,
}

/// QEMU has no cycle counter. Run with `-icount shift=0`, each instruction takes one nanosecond of virtual time, and
/// SysTick counts that time at the board's 25 MHz, or 16: 40 instructions to a tick, or 62.5. So counts are exact to
/// two ticks, are the same in each run, and say nothing about wait states, multiplications or pipelines.
pub struct Meter {
    timer: SYST,
    per_two_ticks: u32,
    overhead: u32,
}

impl Meter {
    /// A meter that has compared its timer with a loop of known length.
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(RELOAD);
        timer.clear_current();
        timer.enable_counter();
        let mut meter = Self { timer, per_two_ticks: 2, overhead: 0 };
        let (ticks, ()) = meter.ticks(|| {
            // SAFETY: the block counts a register down.
            unsafe { asm!("2:", "subs {n}, #1", "bne 2b", n = inout(reg) ROUNDS => _, options(nomem, nostack)) };
        });
        meter.per_two_ticks = (2 * ROUNDS * ROUND + ticks / 2) / ticks.max(1);
        meter.overhead = meter.measure(|| ()).0.instructions;
        meter
    }

    /// Instructions to two ticks of the timer, as the loop showed.
    pub fn instructions_per_two_ticks(&self) -> u32 {
        self.per_two_ticks
    }

    /// Runs one step.
    // The step is called from this function's frame, so this function must not be inlined into another.
    #[inline(never)]
    pub fn measure<T>(&mut self, step: impl FnOnce() -> T) -> (Cost, T) {
        let top = stack_pointer();
        // A small board has less memory than that: all of it, above what is static.
        let bottom = top.saturating_sub(PAINTED).max(end_of_statics());
        paint(bottom, top);
        let (ticks, result) = self.ticks(step);
        let touched = lowest_touched(bottom, top);
        if touched == bottom {
            fail("a step takes more stack than is painted");
        }
        // A tick is at most 63 instructions, and there are less than 2^24 of them.
        let instructions =
            (ticks / 2 * self.per_two_ticks + ticks % 2 * self.per_two_ticks / 2).saturating_sub(self.overhead);
        (Cost { stack: top - touched, instructions }, result)
    }

    #[inline(always)]
    fn ticks<T>(&mut self, step: impl FnOnce() -> T) -> (u32, T) {
        // A cleared counter starts from its reload value with the next tick, and has not wrapped by that.
        self.timer.clear_current();
        while SYST::get_current() == 0 {}
        let before = SYST::get_current();
        let result = step();
        let after = SYST::get_current();
        if self.timer.has_wrapped() {
            fail("a step takes more instructions than the timer counts");
        }
        (before.wrapping_sub(after) & RELOAD, result)
    }
}

/// Where the memory behind all statics begins, as cortex-m-rt's linker script defines it.
fn end_of_statics() -> u32 {
    unsafe extern "C" {
        static mut __sheap: u32;
    }
    (&raw const __sheap) as u32
}

#[inline(always)]
fn stack_pointer() -> u32 {
    let pointer;
    // SAFETY: the block reads a register.
    unsafe { asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Paints the words of `bottom..top`. It is one block, so that nothing of its own lies there.
#[inline(always)]
fn paint(bottom: u32, top: u32) {
    // SAFETY: the words lie below the stack pointer and above all static memory, and no interrupt is enabled: nothing uses
    // them.
    unsafe {
        asm!(
            "2:", "stm {at}!, {{{paint}}}", "cmp {at}, {top}", "blo 2b",
            at = inout(reg) bottom => _, top = in(reg) top, paint = in(reg) PAINT,
            options(nostack),
        );
    }
}

/// The address of the lowest word of `bottom..top` that is not painted any more, or `top`.
#[inline(always)]
fn lowest_touched(bottom: u32, top: u32) -> u32 {
    let mut at = bottom;
    // SAFETY: as for `paint`; the block only reads.
    unsafe {
        asm!(
            "2:", "cmp {at}, {top}", "bhs 3f", "ldr {word}, [{at}]", "cmp {word}, {paint}", "bne 3f", "adds {at}, #4",
            "b 2b", "3:",
            at = inout(reg) at, top = in(reg) top, paint = in(reg) PAINT, word = out(reg) _,
            options(nostack, readonly),
        );
    }
    at
}
