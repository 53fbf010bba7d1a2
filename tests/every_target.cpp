// The main of test programs over vector loops: with --every-target they run once more on each of
// the lower instruction sets for which this build has loops and which this processor has.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include <hwy/targets.h>

namespace {

class OnTarget : public testing::EmptyTestEventListener {
 public:
  explicit OnTarget(std::vector<int64_t> targets) : targets_(std::move(targets)) {}
  void OnTestIterationStart(const testing::UnitTest&, int iteration) override {
    hwy::SetSupportedTargetsForTest(targets_[static_cast<size_t>(iteration)]);
    std::printf("On %s\n", hwy::TargetName(targets_[static_cast<size_t>(iteration)]));
  }

 private:
  std::vector<int64_t> targets_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 2 && std::string_view(argv[1]) == "--every-target") {
    std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
    targets.erase(targets.begin());  // the best, on which the tests run one by one
    GTEST_FLAG_SET(repeat, static_cast<int>(targets.size()));
    testing::UnitTest::GetInstance()->listeners().Append(new OnTarget(std::move(targets)));
  }
  return RUN_ALL_TESTS();
}
