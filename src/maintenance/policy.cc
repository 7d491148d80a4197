#include "maintenance/policy.h"

#include <algorithm>

#include <fmt/format.h>

#include "maintenance/calendar.h"

namespace varve::maintenance {

namespace {

using repo::Snapshot;

/// Tells which hour, day, ... a snapshot is of, as a number.
using Bucket = int64_t (*)(const WallClock& clock, size_t position);

int64_t position_of(const WallClock&, size_t position) {
  return static_cast<int64_t>(position);
}
int64_t year_of(const WallClock& c, size_t) {
  return c.year;
}
int64_t month_of(const WallClock& c, size_t) {
  return c.year * 100 + c.month;
}
int64_t week_of(const WallClock& c, size_t) {
  const auto week = c.iso_week();
  return week.year * 100 + week.number;
}
int64_t day_of(const WallClock& c, size_t) {
  return month_of(c, 0) * 100 + c.day;
}
int64_t hour_of(const WallClock& c, size_t) {
  return day_of(c, 0) * 100 + c.hour;
}

struct CountRule {
  int Policy::*count;
  Bucket bucket;
  std::string_view noun;
};
constexpr CountRule kCountRules[] = {
    {&Policy::last, position_of, "last"}, {&Policy::hourly, hour_of, "hourly"},    {&Policy::daily, day_of, "daily"},
    {&Policy::weekly, week_of, "weekly"}, {&Policy::monthly, month_of, "monthly"}, {&Policy::yearly, year_of, "yearly"},
};

struct WithinRule {
  Duration Policy::*within;
  Bucket bucket;
  std::string_view noun;
};
constexpr WithinRule kWithinRules[] = {
    {&Policy::within_hourly, hour_of, "hourly"}, {&Policy::within_daily, day_of, "daily"},
    {&Policy::within_weekly, week_of, "weekly"}, {&Policy::within_monthly, month_of, "monthly"},
    {&Policy::within_yearly, year_of, "yearly"},
};

/// The newest that is not in the future: one wrong clock must not expire everything else.
const Snapshot* newest_until(const std::vector<Snapshot>& newest_first, Time now) {
  const auto it = std::find_if(newest_first.begin(), newest_first.end(), [&](const auto& s) { return s.time < now; });
  return it == newest_first.end() ? nullptr : &*it;
}

/// Where a duration before the newest snapshot begins; without an end, everything is within it.
class Window {
 public:
  Window(const Snapshot* newest, const Duration& duration) : duration_(duration) {
    if (newest != nullptr && !duration.is_zero()) begin_ = moment_before(*newest, duration);
  }
  bool is_set() const { return !duration_.is_zero(); }
  bool contains(const Snapshot& snapshot) const { return is_set() && (!begin_ || snapshot.time > *begin_); }
  std::string name() const { return to_string(duration_); }

 private:
  Duration duration_;
  std::optional<Time> begin_;
};

/// Keeps the first of each run of equal buckets, and the oldest snapshot of all.
class Counter {
 public:
  Counter(Bucket bucket, int count, std::string reason) : bucket_(bucket), left_(count), reason_(std::move(reason)) {}

  void judge(const WallClock& clock, size_t position, bool is_oldest, std::vector<std::string>& reasons) {
    if (left_ == 0) return;
    const int64_t bucket = bucket_(clock, position);
    const bool is_new = bucket != last_;
    if (!is_new && !is_oldest) return;
    last_ = bucket;
    if (left_ > 0) --left_;
    reasons.push_back(is_new ? reason_ : "oldest " + reason_);
  }

 private:
  Bucket bucket_;
  int left_;
  int64_t last_ = -1;
  std::string reason_;
};

std::string name_of(const repo::TagList& tags) {
  return fmt::format("[{}]", fmt::join(tags, ", "));
}

/// The rules at work on one group.
class Judge {
 public:
  Judge(const Policy& policy, const std::vector<Snapshot>& newest_first, Time now)
      : policy_(policy), size_(newest_first.size()), within_(newest_until(newest_first, now), policy.within) {
    for (const auto& rule : kCountRules) {
      counters_.emplace_back(rule.bucket, policy.*rule.count, fmt::format("{} snapshot", rule.noun));
    }
    const Snapshot* newest = newest_until(newest_first, now);
    for (const auto& rule : kWithinRules) {
      Window window(newest, policy.*rule.within);
      Counter counter(rule.bucket, window.is_set() ? Policy::kUnlimited : 0,
                      fmt::format("{} within {}", rule.noun, window.name()));
      windows_.push_back({window, std::move(counter)});
    }
  }

  std::vector<std::string> reasons_to_keep(const Snapshot& snapshot, size_t position) {
    std::vector<std::string> reasons;
    if (const auto found = policy_.needed.find(snapshot.id); found != policy_.needed.end())
      reasons.push_back(found->second);
    for (const auto& tags : policy_.tags) {
      if (repo::has_tags(snapshot, {tags})) reasons.push_back("has tags " + name_of(tags));
    }
    if (within_.contains(snapshot)) reasons.push_back("within " + within_.name());
    const WallClock clock = wall_clock(snapshot);
    const bool is_oldest = position + 1 == size_;
    for (auto& counter : counters_) counter.judge(clock, position, is_oldest, reasons);
    for (auto& [window, counter] : windows_) {
      if (window.contains(snapshot)) counter.judge(clock, position, is_oldest, reasons);
    }
    return reasons;
  }

 private:
  const Policy& policy_;
  const size_t size_;
  Window within_;
  std::vector<Counter> counters_;
  std::vector<std::pair<Window, Counter>> windows_;
};

/// "a, b and c"
std::string listed(const std::vector<std::string>& parts) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 < parts.size() ? ", " : " and ";
    out += parts[i];
  }
  return out;
}

}  // namespace

bool Policy::empty() const {
  return tags.empty() && within.is_zero() && every_second.is_zero() &&
         std::all_of(std::begin(kCountRules), std::end(kCountRules), [&](auto& r) { return this->*r.count == 0; }) &&
         std::all_of(std::begin(kWithinRules), std::end(kWithinRules),
                     [&](auto& r) { return (this->*r.within).is_zero(); });
}

std::string describe(const Policy& policy) {
  std::vector<std::string> parts;
  for (const auto& rule : kCountRules) {
    const int count = policy.*rule.count;
    if (count > 0) parts.push_back(fmt::format("the {} {}", count, rule.noun));
    if (count == Policy::kUnlimited) parts.push_back(fmt::format("all {}", rule.noun));
  }
  for (const auto& rule : kWithinRules) {
    if (const auto& span = policy.*rule.within; !span.is_zero()) {
      parts.push_back(fmt::format("the {} within {}", rule.noun, to_string(span)));
    }
  }
  if (!policy.within.is_zero()) parts.push_back(fmt::format("all within {} of the newest", to_string(policy.within)));
  if (const auto& span = policy.every_second; !span.is_zero()) {
    parts.push_back("what every second of the last " + to_string(span) + " needs");
  }
  for (const auto& tags : policy.tags) {
    parts.push_back(tags.empty() ? "those without tags" : fmt::format("those with tags {}", fmt::join(tags, ", ")));
  }
  return parts.empty() ? "keep nothing" : "keep " + listed(parts);
}

Decision apply(const Policy& policy, std::vector<Snapshot> newest_first, Time now) {
  Judge judge(policy, newest_first, now);
  Decision decision;
  for (size_t i = 0; i < newest_first.size(); ++i) {
    auto reasons = judge.reasons_to_keep(newest_first[i], i);
    if (reasons.empty()) {
      decision.remove.push_back(std::move(newest_first[i]));
    } else {
      decision.keep.push_back({std::move(newest_first[i]), std::move(reasons)});
    }
  }
  return decision;
}

}  // namespace varve::maintenance
