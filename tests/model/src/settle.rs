//! What must hold in every state once the network has become fair.

use iacp_core::time::Mono;

use crate::end::Party;
use crate::fault::Fault;
use crate::plan::Side;
use crate::world::World;

impl World<'_> {
    /// Everything that is sent from now on arrives, in order, and nothing else happens. Then checks what must hold at
    /// the end.
    pub fn settle(&mut self) {
        let until = self.now.after(400_000);
        // The worst that the network may have done before: everything under way is lost.
        self.network.clear();
        self.rest(until);
        self.judge();
        if !self.end(Side::Bob).lives {
            return;
        }
        for side in Side::BOTH {
            let (end, peer) = (self.end(side), self.end(side.other()));
            let (first, next) = end.unacknowledged();
            let (sending, opened) = end.generations();
            let (real, up) = (matches!(end.party, Party::Real(_)), end.flows());
            let (delivered, home) = (first == next && peer.expected() == next, end.home());
            let (wants, at) = (end.asked.is_some(), peer.at);
            if !up {
                self.faults.fault(Fault::NotReturned);
            }
            if !delivered {
                self.faults.fault(Fault::Stuck);
            }
            if real && sending < opened {
                self.faults.fault(Fault::NotFollowed);
            }
            if wants {
                self.faults.fault(Fault::NotRenewed);
            }
            if home.is_some_and(|home| home != at) {
                self.faults.fault(Fault::NotHome);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        Side::BOTH.iter().all(|side| {
            let (end, peer) = (self.end(*side), self.end(side.other()));
            let (first, next) = end.unacknowledged();
            let (sending, opened) = end.generations();
            let followed = sending >= opened || matches!(end.party, Party::Raw(_));
            let renewed = end.asked.is_none_or(|asked| sending > asked);
            let home = end.home().is_none_or(|home| home == peer.at);
            end.flows() && first == next && peer.expected() == next && followed && renewed && home
        })
    }

    fn rest(&mut self, until: Mono) {
        // A dead peer answers nothing: what the other side sends by itself is all that is to be heard.
        let rounds = if self.end(Side::Bob).lives { 80 } else { 12 };
        for _ in 0..rounds {
            while let Some(number) = self.network.first_fresh(&self.ends) {
                self.deliver(number, None);
            }
            if self.is_at_rest() || self.now > until {
                return;
            }
            for side in Side::BOTH {
                self.consume(side);
                self.pump(side);
                self.repeat(side);
                self.beat(side);
            }
            if !self.advance() && self.network.first_fresh(&self.ends).is_none() {
                return;
            }
        }
    }
}
