//! How the program ends: QEMU is told, so that its exit status says it.

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    defmt::error!("panic: {}", defmt::Display2Format(info));
    stop("panic")
}

pub fn stop(why: &str) -> ! {
    defmt::error!("{=str}", why);
    loop {
        exit(EXIT_FAILURE);
    }
}

pub fn end() -> ! {
    loop {
        exit(EXIT_SUCCESS);
    }
}
