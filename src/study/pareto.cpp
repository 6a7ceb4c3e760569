#include "study/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace tessera {

std::vector<std::size_t> pareto_front(const std::vector<StudyRow>& rows,
                                      const std::string& metric) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (std::isfinite(rows[i].metric(metric))) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::make_tuple(rows[a].total_flops(), rows[a].metric(metric)) <
           std::make_tuple(rows[b].total_flops(), rows[b].metric(metric));
  });
  std::vector<std::size_t> front;
  double best = std::numeric_limits<double>::infinity();
  for (const auto i : order)
    if (rows[i].metric(metric) < best) {
      best = rows[i].metric(metric);
      front.push_back(i);
    }
  return front;
}

}  // namespace tessera
