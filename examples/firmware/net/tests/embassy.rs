//! Two nodes as Embassy tasks, each over a stack of its own, with a cable between them, on the executor of a host.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{ADDRESSES, Node, Report, Side, are_over, everything_came, node};
use embassy_executor::Executor;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{Ipv4Cidr, StackResources, StaticConfigV4};
use embassy_net_driver_channel::driver::{HardwareAddress, LinkState};
use embassy_net_driver_channel::{Device, RxRunner, State, TxRunner};
use iacp_core::erp::generation::PORT;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const MTU: usize = 1_280;
/// It takes a second; what has not come by then does not come.
const LIMIT: Duration = Duration::from_secs(60);

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

#[embassy_executor::task(pool_size = 2)]
async fn iacp(stack: embassy_net::Stack<'static>, node: &'static mut Node, mut side: Side, mut rng: ChaCha8Rng) -> ! {
    let (rx_meta, tx_meta) = (leak([PacketMetadata::EMPTY; 4]), leak([PacketMetadata::EMPTY; 4]));
    let mut socket = UdpSocket::new(stack, rx_meta, leak([0; 4_800]), tx_meta, leak([0; 4_800]));
    socket.bind(PORT).expect("it is free");
    net::embassy::run(node, &mut socket, &mut side, &mut rng).await
}

#[embassy_executor::task(pool_size = 2)]
async fn stack(mut runner: embassy_net::Runner<'static, Device<'static, MTU>>) -> ! {
    runner.run().await
}

/// What one end sends arrives at the other.
#[embassy_executor::task(pool_size = 2)]
async fn cable(mut from: TxRunner<'static, MTU>, mut to: RxRunner<'static, MTU>) -> ! {
    loop {
        let sent = from.tx_buf().await;
        let room = to.rx_buf().await;
        room[..sent.len()].copy_from_slice(sent);
        let length = sent.len();
        to.rx_done(length);
        from.tx_done();
    }
}

#[test]
fn items_pass_between_two_tasks_once_each_and_the_session_ends() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let [(first, one), (second, other)] = ADDRESSES.map(|at| node(at, &mut rng));
    let peer = Some((other.eid(), ADDRESSES[1]));
    let sides = [Side::new(one, peer), Side::new(other, None)];
    let reports: [Arc<Mutex<Report>>; 2] = sides.each_ref().map(|side| side.report.clone());
    let over = reports.clone();
    let (executor, began) = (leak(Executor::new()), Instant::now());
    executor.run_until(
        |spawner| {
            let mut ends = Vec::new();
            for (number, (node, side)) in [first, second].into_iter().zip(sides).enumerate() {
                let (runner, device) =
                    embassy_net_driver_channel::new(leak(State::<MTU, 4, 4>::new()), HardwareAddress::Ip);
                let (state, rx, tx) = runner.split();
                state.set_link_state(LinkState::Up);
                let address = Ipv4Cidr::new(ADDRESSES[number], 24);
                let config = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
                let config = embassy_net::Config::ipv4_static(config);
                let (net, runner) = embassy_net::new(device, config, leak(StackResources::<2>::new()), number as u64);
                spawner.spawn(stack(runner).expect("a task"));
                let rng = ChaCha8Rng::seed_from_u64(number as u64);
                spawner.spawn(iacp(net, leak(node), side, rng).expect("a task"));
                ends.push((rx, tx));
            }
            let [(rx_one, tx_one), (rx_other, tx_other)] =
                <[_; 2]>::try_from(ends).unwrap_or_else(|_| unreachable!("two ends"));
            spawner.spawn(cable(tx_one, rx_other).expect("a task"));
            spawner.spawn(cable(tx_other, rx_one).expect("a task"));
        },
        || are_over(&over) || began.elapsed() > LIMIT,
    );
    everything_came(&reports);
}
