// What is true of all commands: what came, what didn't, and what was wrong with it.
#pragma once
#include <map>
#include <set>

#include "report.hpp"
#include "swarm.hpp"

/** Publishes that were refused, and that nobody got: those are not lost. */
inline std::vector<bool> refusedByAll(const Swarm& swarm) {
  std::vector<bool> excused = swarm.refused;
  for (uint32_t sequence = 0; sequence < excused.size(); sequence++) {
    for (const auto& client : swarm.clients) {
      if (!excused[sequence]) break;
      for (const Subscription& subscription : client->subscriptions) {
        const auto& missing = subscription.missing;
        const bool has = sequence < subscription.next && std::find(missing.begin(), missing.end(), sequence) == missing.end();
        if (subscription.channel == 0 && has) excused[sequence] = false;
      }
    }
  }
  return excused;
}

/** What is true of all commands: what came, what didn't, and what was wrong. */
inline void summarize(const Swarm& swarm, const Counts& before, Report& report) {
  uint64_t lost = 0;
  std::map<uint32_t, std::set<uint64_t>> orders;
  const std::vector<bool> excused = refusedByAll(swarm);
  for (const auto& client : swarm.clients) {
    for (const Subscription& subscription : client->subscriptions) {
      for (const uint32_t sequence : subscription.missing) lost += !(sequence < excused.size() && excused[sequence]);
      for (uint32_t sequence = subscription.next; sequence < swarm.published[subscription.channel]; sequence++) {
        lost += !(sequence < excused.size() && excused[sequence]);
      }
      if (client->isTracked || client->index < 200) orders[subscription.channel].insert(subscription.order);
    }
  }
  uint64_t disagreeing = 0;
  for (const auto& [channel, seen] : orders) disagreeing += seen.size() - 1;
  const Counts& counts = swarm.counts;
  report.add("deliveries", counts.deliveries - before.deliveries).add("lost", lost);
  report.add("duplicates", counts.duplicates - before.duplicates).add("outOfOrder", counts.late - before.late);
  report.add("disagreeing", disagreeing).add("bytes", counts.bytes - before.bytes);
  report.add("replies", counts.replies - before.replies).add("acks", counts.acks - before.acks);
  report.add("refused", counts.refused - before.refused).add("gaps", counts.gaps - before.gaps);
  report.add("broken", counts.broken - before.broken).add("closes", counts.closes - before.closes);
  report.add("clients", swarm.clients.size()).add("ready", swarm.ready);
}
