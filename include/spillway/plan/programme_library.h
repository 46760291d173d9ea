#pragma once
// The tables of the spot programme, made when first asked for and shared by all jobs. What lies
// between tables is interpolated: price ratio, hazard scales and failover vary slowly and smoothly,
// so that a few tables serve a whole cluster.
//
// A memory, not a state: the same question has the same answer whatever was asked before. A
// question that needs new tables takes 10 ms or so for each.
//
// In a planning pass that is too long. With Making::kOutside a question is answered from the tables
// that are there, the nearest in place of those that are missing, and what is missing is wanted:
// whoever plans calls make_wanted() between passes, and plans again. Then the answer depends on
// what was asked and made before, and on nothing else: not on time, not on threads. A deadline does
// not depend on it at all: its wall needs no table (spot_policy.h). Safe from any thread.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <spillway/plan/spot_programme.h>

namespace spillway::plan {

enum class Making {
  kAtOnce,   // by whoever asks
  kOutside,  // by make_wanted(); but the first table of a changeover at once
};

class ProgrammeLibrary {
 public:
  static constexpr std::size_t kUsualBytes = std::size_t{48} << 20;
  // At most so many are wanted at a time; of what else was missing the next pass asks again.
  static constexpr std::size_t kMostWanted = 64;

  // The tables used longest ago are dropped beyond `max_bytes` (at least one stays).
  explicit ProgrammeLibrary(std::size_t max_bytes = kUsualBytes, Making making = Making::kAtOnce)
      : max_bytes_(max_bytes), making_(making) {}
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

  // Makes one table that is wanted (some 10 ms). False: none is wanted any more, or there is no
  // room for it beside those that were used since this last returned false: then the nearest have
  // to do.
  bool make_wanted();
  [[nodiscard]] std::size_t wanted() const;

  struct Size {
    std::size_t tables;
    std::size_t bytes;
    std::size_t made;  // ever, dropped ones included
  };
  [[nodiscard]] Size size() const;

 private:
  using Table = std::shared_ptr<const SpotProgramme>;
  struct Kept {
    Table table;
    std::uint64_t used = 0;  // in which round
  };
  struct Order {
    bool operator()(const ProgrammeTerms& a, const ProgrammeTerms& b) const;
  };
  Table table(const ProgrammeTerms& terms) const;
  // With the mutex held:
  Table find(const ProgrammeTerms& terms) const;  // nullptr: not there
  Table make(const ProgrammeTerms& terms) const;
  Table nearest(const ProgrammeTerms& terms) const;
  void drop_beyond(std::size_t bytes) const;

  std::size_t max_bytes_;
  Making making_;
  mutable std::mutex mutex_;        // guards what follows
  mutable std::list<Kept> tables_;  // last used first
  mutable std::set<ProgrammeTerms, Order> wanted_;
  std::uint64_t round_ = 1;  // of make_wanted()
  mutable std::size_t bytes_ = 0;
  mutable std::size_t made_ = 0;
};

}  // namespace spillway::plan
