#include "spillway_policy.h"

#include <chrono>
#include <cmath>
#include <vector>

#include <spillway/plan/spot_policy.h>

namespace spillway::regret {
namespace {

Duration time_of(Seconds seconds) {
  return std::chrono::seconds(seconds);
}

HourlyRate rate_of(double dollars) {
  return HourlyRate(Money::micros(std::llround(dollars * 1e6)));
}

class Spillway final : public Policy {
 public:
  Spillway(const JobTerms& job, Seconds tick, double on_demand_price,
           const plan::ProgrammeLibrary& library, Seconds margin)
      : job_(job),
        tick_(tick),
        on_demand_(rate_of(on_demand_price)),
        library_(library),
        margin_(margin) {}

  void see_history(const std::vector<ZoneView>& zones) override {
    remember(zones);
    now_ += time_of(tick_);
  }

  void see(const TickView& view) override {
    if (view.tick > 0) now_ += time_of(tick_);
    remember(view.zones);
  }

  void see_failed_launch(const TickView& /*view*/, std::size_t zone) override {
    memories_[zone].see(plan::MarketState::kGap, now_);
  }

  Place decide(const TickView& view) override {
    const plan::SpotJob job{.work_left = time_of(view.work_left),
                            .time_left = time_of(view.time_left),
                            .changeover = time_of(job_.changeover),
                            .changeover_left = time_of(view.changeover_left),
                            .patience = time_of(tick_),
                            .margin = time_of(margin_),
                            .footing = footing(view.place),
                            .offer = view.place.zone};
    plan::SpotMarket market{
        .on_demand = on_demand_, .on_demand_available = view.on_demand_available, .offers = {}};
    market.offers.reserve(view.zones.size());
    for (std::size_t z = 0; z < view.zones.size(); ++z)
      market.offers.push_back(offer_of(view.zones[z], memories_[z]));
    const plan::SpotChoice choice = plan::choose_spot_move(job, market, library_);
    switch (choice.move) {
      case plan::SpotMove::kStay: return view.place;
      case plan::SpotMove::kLaunchSpot: return Place::spot(choice.offer);
      case plan::SpotMove::kLaunchOnDemand: return Place::on_demand();
      case plan::SpotMove::kWait: return Place::idle();
    }
    return Place::idle();
  }

 private:
  static plan::Footing footing(const Place& place) {
    if (place.is_spot()) return plan::Footing::kSpot;
    return place == Place::on_demand() ? plan::Footing::kOnDemand : plan::Footing::kNothing;
  }

  [[nodiscard]] plan::SpotOffer offer_of(const ZoneView& zone,
                                         const plan::HazardMemory& memory) const {
    plan::SpotOffer offer{.price = rate_of(zone.price),
                          .sight = {},
                          .scale = memory.scale(),
                          .may_launch = zone.may_launch};
    if (memory.state()) {
      offer.sight = {
          .state = memory.state(), .age = memory.age(), .seen_ago = now_ - memory.seen_at()};
    }
    return offer;
  }

  void remember(const std::vector<ZoneView>& zones) {
    memories_.resize(zones.size());
    for (std::size_t z = 0; z < zones.size(); ++z) {
      if (!zones[z].available) continue;
      memories_[z].see(*zones[z].available ? plan::MarketState::kWindow : plan::MarketState::kGap,
                       now_);
    }
  }

  JobTerms job_;
  Seconds tick_;
  HourlyRate on_demand_;
  const plan::ProgrammeLibrary& library_;
  Seconds margin_;
  Instant now_{};  // since the first tick seen
  std::vector<plan::HazardMemory> memories_;
};

}  // namespace

std::unique_ptr<Policy> make_spillway(const JobTerms& job, Seconds tick, double on_demand_price,
                                      const plan::ProgrammeLibrary& library, Seconds margin) {
  return std::make_unique<Spillway>(job, tick, on_demand_price, library, margin);
}

}  // namespace spillway::regret
