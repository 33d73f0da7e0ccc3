//! `cargo bench -p benches`: everything that has a goal, and a table at the end.

mod data;
mod decision;
mod directory;
mod discovery;
mod frames;
mod handshakes;

use benches::Pairs;

fn main() {
    let mut pairs = Pairs::from_args("bare");
    frames::run(&mut pairs);
    data::run(&mut pairs);
    handshakes::run(&mut pairs);
    discovery::run(&mut pairs);
    decision::run(&mut pairs);
    directory::run(&mut pairs);
    pairs.finish();
}
