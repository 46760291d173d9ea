#pragma once
// Prospects as tables and as documents; shared by `plan` and `explain`.

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "prospect.h"
#include "table.h"

namespace spillway::cli {

// "spot-a 4, reserved 2"; for a whole workload in one pool just "spot-a".
std::string seats_text(const std::vector<Seat>& seats);
// Of all seats together; "" when a price is not known or there is no seat.
std::string seats_rate(const std::vector<Seat>& seats);
std::string choice_note(const Choice& choice);
Table choices_table(const std::vector<Choice>& choices);
Table pools_table(const std::vector<PoolOutlook>& pools);
// "$3.77 (Stale, feed aws-us-east-1)"
std::string price_text(const market::NodePrice& price);

nlohmann::ordered_json to_document(const Prospect& prospect);
nlohmann::ordered_json to_document(const PoolOutlook& pool);
nlohmann::ordered_json to_document(const std::vector<Choice>& choices);

}  // namespace spillway::cli
