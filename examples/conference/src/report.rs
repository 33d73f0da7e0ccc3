//! The summary: how large the interaction was, counted both ways, and whether its trail verifies.

use std::fmt::Write as _;

use interaction_gov::measure::coordination::{Coupling, Dimensions, PerMille};
use serde::Serialize;

use crate::evidence::{Tampering, tamper};
use crate::stage::{Played, SeenBy};

/// The summary.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    event: &'static str,
    seed: u64,
    interaction: String,
    records: usize,
    heads: usize,
    /// The hash over all records.
    chain: String,
    public_key: String,
    renewals: u32,
    coordination: Coordination,
    /// Whether the trail is whole, in order, untouched, and signed to its end.
    verified: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    flaw: Option<String>,
    /// Whether the same inputs gave the same records and the same decisions.
    replayed: bool,
    tampered: Vec<Tampering>,
    /// How the authorities see it.
    seen: &'a [SeenBy],
    /// Whether all of this is as it has to be.
    pub ok: bool,
}

#[derive(Debug, Serialize)]
struct Coordination {
    participants: u32,
    modalities: u32,
    functions: u32,
    authorities: u32,
    transitions: u32,
    /// C_int.
    binding_points: u64,
    /// C_frag, in which everything that the formula names is coupled with everything else.
    fragmented: String,
    /// C_frag at k = 0.3.
    fragmented_at_300: String,
    /// The product of all five.
    worst_case: Option<u128>,
}

impl Coordination {
    fn of(size: Dimensions) -> Self {
        let third = PerMille::new(300).map_or(Coupling::FULL, Coupling::each);
        Self {
            participants: size.participants,
            modalities: size.modalities,
            functions: size.functions,
            authorities: size.authorities,
            transitions: size.transitions,
            binding_points: size.interaction_scoped(),
            fragmented: size.fragmented(Coupling::FULL).to_string(),
            fragmented_at_300: size.fragmented(third).to_string(),
            worst_case: size.worst_case(),
        }
    }
}

impl<'a> Summary<'a> {
    /// Of what was played, twice.
    pub fn of(seed: u64, played: &'a Played, again: &Played) -> Self {
        let evidence = &played.evidence;
        let proof = evidence.verify();
        let replayed = evidence.records == again.evidence.records
            && evidence.heads == again.evidence.heads
            && played.told == again.told;
        let tampered = tamper(evidence);
        let found = !tampered.is_empty() && tampered.iter().all(|tampering| tampering.found.is_some());
        Self {
            event: "summary",
            seed,
            interaction: evidence.interaction.to_string(),
            records: evidence.records.len(),
            heads: evidence.heads.len(),
            chain: evidence.heads.last().map_or_else(String::new, |signed| hex::encode(signed.head.hash)),
            public_key: hex::encode(evidence.key),
            renewals: played.renewals,
            coordination: Coordination::of(played.dimensions),
            verified: proof.is_ok(),
            flaw: proof.as_ref().err().map(ToString::to_string),
            replayed,
            ok: proof.is_ok() && replayed && found,
            tampered,
            seen: &played.seen,
        }
    }

    /// The report as text for people.
    pub fn story(&self) -> String {
        let Self { interaction, records, heads, chain, public_key, coordination, .. } = self;
        let Coordination { participants, modalities, functions, authorities, transitions, .. } = coordination;
        let Coordination { binding_points, fragmented, fragmented_at_300, worst_case, .. } = coordination;
        let worst = worst_case.map_or_else(|| "beyond counting".into(), |worst| worst.to_string());
        let [fragmented, fragmented_at_300] =
            [fragmented, fragmented_at_300].map(|count| count.trim_end_matches(".000"));
        let mut text = format!(
            "\nWhat coordination costs (IoE §3.2), counted in the trail
  {participants} participants, {modalities} modalities, {functions} functions, {authorities} authorities, {transitions} networks (the draft's T)
  bound to one interaction    {binding_points} binding points
  in fragments, the formula   {fragmented} surfaces if everything is coupled, {fragmented_at_300} at k = 0.3
  in fragments, the product   {worst}, which the draft calls the worst case
"
        );
        text += "\nHow the authorities see the interaction: two of them cannot tell that it is the same\n";
        for SeenBy { authority, interaction, participants } in self.seen {
            let number = participants.len();
            text += &format!("  {authority:<20}  {interaction}, and {number} participants under names of its own\n");
        }
        text += "\nThe proof\n";
        text += &format!("  interaction  {interaction}\n  chain        {chain}  over {records} records\n");
        text += &format!("  signed by    {public_key}  {heads} heads\n  {} permits were renewed\n", self.renewals);
        // Nothing here fails: it is a string that is written to.
        let mut line = |good: bool, what: &str| writeln!(text, "  {} {what}", if good { "✓" } else { "✗" });
        let whole = "the trail is whole, in order, untouched, and signed to its end";
        let _ = line(self.verified, self.flaw.as_deref().unwrap_or(whole));
        let _ = line(self.replayed, "played again: the same records, the same decisions, the same heads");
        for Tampering { how, found } in &self.tampered {
            let found = found.as_deref();
            let _ = line(found.is_some(), &format!("{how}: found, {}", found.unwrap_or("NOT AT ALL")));
        }
        text + if self.ok { "\nOK: every step is proven." } else { "\nNOT OK." }
    }
}
