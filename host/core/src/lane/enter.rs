//! How an event gets its tickets.

use super::{
    Home, NoRoom, Refused, RoomUse, Tickets, Visit, shard::Where, ticket::Entered, wait::Waiting,
};

/// Which of the lanes that were wanted refused, by their index.
type Refusals = Vec<Option<Refused>>;

impl<H: Home> Tickets<H> {
    /// Takes a ticket in each lane of `visit`, a place in the outbox if it
    /// delivers, and room in the host: all or nothing. Does not block.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] says what is full, or has publishers waiting for room.
    pub fn try_enter(home: H, visit: Visit<'_>) -> Result<Self, (H, NoRoom)> {
        let mut entered = try_once(&home, visit);
        // The host may be full of what is put by, or have been: another may
        // have had that given back since.
        if let Err(NoRoom::Host { .. }) = entered {
            home.lanes().reclaim();
            entered = try_once(&home, visit);
        }
        match entered {
            Ok(entered) => Ok(Self::new(home, visit.bytes, entered)),
            Err(full) => Err((home, full)),
        }
    }

    /// As [`try_enter`](Self::try_enter), as soon as there is room. Publishers
    /// that wait for the same lane go in the order in which they came, and of
    /// all that wait for the host's own bound each principal has one in line.
    /// Dropping the future leaves the line.
    pub async fn enter(home: H, visit: Visit<'_>) -> Self {
        match Self::try_enter(home, visit) {
            Ok(tickets) => tickets,
            Err((home, _full)) => {
                let entered = Waiting::new(home.lanes(), visit).await;
                Self::new(home, visit.bytes, entered)
            }
        }
    }

    /// Takes a ticket in each lane of `visit` that has room and in which none
    /// of `ancestors`, the entries of events that wait for this one, stands;
    /// and says of each of the others why not, by its index.
    ///
    /// # Errors
    ///
    /// [`NoRoom::Host`] if the host has none, [`NoRoom::Share`] if the principal
    /// has as much as one may.
    pub fn enter_some(
        home: H,
        visit: Visit<'_>,
        ancestors: &[u64],
    ) -> Result<(Self, Refusals), NoRoom> {
        let mut entered = try_some(&home, visit, ancestors);
        if let Err(NoRoom::Host { .. }) = entered {
            home.lanes().reclaim();
            entered = try_some(&home, visit, ancestors);
        }
        let (entered, refusals) = entered?;
        Ok((Self::new(home, visit.bytes, entered), refusals))
    }
}

fn try_once<H: Home>(home: &H, visit: Visit<'_>) -> Result<Entered, NoRoom> {
    let lanes = home.lanes();
    if visit.is_free() {
        let full = || lanes.no_room(visit, &Where::Host, RoomUse::default());
        return lanes.enter_free(visit).ok_or_else(full);
    }
    lanes.with_principal(visit.principal, |at, shard, wakers| {
        lanes
            .enter_now(at, shard, visit, wakers)
            .map_err(|place| lanes.no_room(visit, &place, shard.tenant(at.tenant()).used))
    })
}

fn try_some<H: Home>(
    home: &H,
    visit: Visit<'_>,
    ancestors: &[u64],
) -> Result<(Entered, Refusals), NoRoom> {
    let lanes = home.lanes();
    lanes.with_principal(visit.principal, |at, shard, wakers| {
        let used = shard.tenant(at.tenant()).used;
        let has_share = !used.leaves_no_room_for(visit.bytes, lanes.config.in_flight_per_principal);
        if !has_share || !lanes.room.try_take(&mut shard.reserve, visit.bytes, wakers) {
            return Err(lanes.no_room(visit, &Where::Host, used));
        }
        let mut common = lanes.common();
        let capacity = lanes.config.capacity.get();
        let mut refuses =
            |scope| shard.refuses(at.tenant(), scope, &mut common, ancestors, capacity);
        let refusals: Refusals = visit.scopes.iter().map(&mut refuses).collect();
        let may = visit.scopes.iter().zip(&refusals);
        let may = may.filter(|(_, refused)| refused.is_none());
        let scopes = may.map(|(scope, _)| scope.clone()).collect();
        let visit = Visit {
            scopes: &scopes,
            ..visit
        };
        drop(common);
        Ok((lanes.take(at, shard, visit), refusals))
    })
}
