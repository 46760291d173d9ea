#pragma once
// The tables of the spot programme, made when first asked for and shared by all jobs. What lies
// between tables is interpolated: price ratio, hazard scales and failover vary slowly and smoothly,
// so that a few tables serve a whole cluster.
//
// A memory, not a state: the same question has the same answer whatever was asked before. A
// question that needs new tables takes 10 ms or so for each; warm() does it outside a planning
// pass. Safe from any thread.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <spillway/plan/spot_programme.h>

namespace spillway::plan {

class ProgrammeLibrary {
 public:
  // The tables used longest ago are dropped beyond `max_bytes` (at least one stays).
  explicit ProgrammeLibrary(std::size_t max_bytes = std::size_t{48} << 20)
      : max_bytes_(max_bytes) {}
  ProgrammeLibrary(const ProgrammeLibrary&) = delete;
  ProgrammeLibrary& operator=(const ProgrammeLibrary&) = delete;

  struct Question {
    ProgrammeTerms terms;  // price_ratio below 1 is read as 1
    double work_hours = 0;
    double spare_hours = 0;  // slack beyond the forced slack
    MarketState state = MarketState::kGap;
    double age_hours = 0;  // of the window or gap
  };
  [[nodiscard]] ActionCosts costs(const Question& question) const;

  // The tables behind one set of terms, found once, for many questions that differ in the rest.
  // Holds on to its tables; immutable, safe from any thread.
  class Blend {
   public:
    [[nodiscard]] ActionCosts costs(double work_hours, double spare_hours, MarketState state,
                                    std::size_t age_bucket) const;

   private:
    friend class ProgrammeLibrary;
    struct Part {
      std::shared_ptr<const SpotProgramme> programme;
      double weight = 0;
    };
    std::vector<Part> parts_;
  };
  [[nodiscard]] Blend blend(const ProgrammeTerms& terms) const;

  // Makes the tables that questions with these terms will need.
  void warm(const ProgrammeTerms& terms) const;

  struct Size {
    std::size_t tables;
    std::size_t bytes;
    std::size_t made;  // ever, dropped ones included
  };
  [[nodiscard]] Size size() const;

 private:
  std::shared_ptr<const SpotProgramme> table(const ProgrammeTerms& terms) const;

  std::size_t max_bytes_;
  mutable std::mutex mutex_;                                        // guards what follows
  mutable std::list<std::shared_ptr<const SpotProgramme>> tables_;  // last used first
  mutable std::size_t bytes_ = 0;
  mutable std::size_t made_ = 0;
};

}  // namespace spillway::plan
