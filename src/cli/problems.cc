#include "cli/problems.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "cli/format.h"

namespace varve::cli {

namespace {

constexpr size_t kPrinted = 20;

}  // namespace

void print_problems(Output& output, const std::vector<files::Problem>& problems, uint64_t count) {
  const size_t printed = std::min(problems.size(), kPrinted);
  for (size_t i = 0; i < printed; ++i) {
    output.line("  incomplete: " + problems[i].item + ": " + problems[i].reason);
  }
  if (count > printed) output.line(fmt::format("  incomplete: and {} more", format_count(count - printed)));
}

nlohmann::ordered_json problems_json(const std::vector<files::Problem>& problems) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& problem : problems) list.push_back({{"what", problem.item}, {"reason", problem.reason}});
  return list;
}

}  // namespace varve::cli
