#pragma once
// The parameters of a DescribeSpotPriceHistory request, checked as EC2 checks them. Pure.

#include <cstddef>
#include <string>
#include <vector>

#include <spillway/cloud/url.h>
#include <spillway/core/result.h>

#include "recorded_market.h"

namespace spillway::market_server {

// An error as EC2 answers it: a code of its documentation, a sentence, an HTTP status.
struct Ec2Problem {
  std::string code;
  std::string message;
  int status = 400;
};
template <class T>
using Ec2Result = tl::expected<T, Ec2Problem>;

tl::unexpected<Ec2Problem> problem(std::string code, std::string message, int status = 400);

struct HistoryRequest {
  PriceQuery query;
  std::vector<std::string> products;  // empty = all; the recordings are of Linux/UNIX
  std::size_t max_results = 1000;
  std::string next_token;
  bool dry_run = false;
};

// Action and Version are passed over: they were looked at before.
Ec2Result<HistoryRequest> parse_history_request(const cloud::QueryParameters& parameters);

inline constexpr std::string_view kProduct = "Linux/UNIX";
bool asks_for_recorded_product(const HistoryRequest& request);

}  // namespace spillway::market_server
