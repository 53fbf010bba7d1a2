// Classifying images: data, network and sizes as groups of options that experiments share. An
// experiment derives from the group that it wants and lists its options in its visit():
// ImageTask::visit(option), or some of them, ImageData::visit(option.only("data train")).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/catalogue.h"
#include "lab/options.h"
#include "lab/subset.h"
#include "lab/trial.h"
#include "nn/net.h"
#include "studies/learning_task.h"

namespace omni {

// Which samples of a split make up a subset.
struct Subset {
  std::function<bool(int32_t label)> keep = {};  // absent: all
  int64_t per_class = 0;                         // at most so many of each class; 0: no limit
  std::optional<Key> draw = {};                  // which ones then: at random; absent: the first
};

// Whether a label is one of these classes: {.keep = one_of_classes({0, 1})}.
std::function<bool(int32_t)> one_of_classes(std::vector<int64_t> classes);

// The data set and how much of it is used.
struct ImageData {
  std::string data = "auto";
  int64_t train = 60000, test = 10000;

  void visit(auto&& option) {
    option("data", data, "data set", one_of(dataset_names()),
           harmless("claims look at the data that the run had"));
    option("train", train, "the first so many training samples are used", between(1, 60000));
    option("test", test, "the first so many test samples are used", between(1, 10000));
  }

  // Samples of a step over a subset as rows of numbers, [batch, features]: bytes become
  // x / 127.5 - 1, f32 data stay as they are. Labels are i32 [batch].
  static Value pixels(Step& s);
  static Value labels(Step& s) { return s.samples("y"); }
  static int64_t features(const Trial& t);  // numbers of a sample

  // Makes a table of sample numbers, called "<name>.train" or "<name>.test", from the first `train`
  // or `test` samples of that split and returns how many it has. UserError if there are none.
  int64_t add_subset(Trial& t, const std::string& name, const Subset& which = {}) const;

  // Those of all that is used of each split: "all.train" and "all.test".
  void add_all(Trial& t) const;

  // Pictures of samples for a figure of kind "images", from `place` on: greys in [0, 1], one sample
  // after another. None where samples are signals.
  static void pictures(Trial& t, const std::string& figure, int64_t place,
                       std::span<const float> greys);

  // Fresh weights of the network that `define` emits for rows of pixels.
  static Trained init(Trial& t, Key key, const std::function<void(Net&, Value pixels)>& define);
};

// The network, beside the data.
struct ImageTask : ImageData {
  std::string arch = "mlp";
  int64_t width = 256, depth = 2, last_width = 0, channels = 16;

  void visit(auto&& option) {
    ImageData::visit(option);
    option("arch", arch, "network: mlp, or cnn (two convolutions, for images)",
           one_of({"mlp", "cnn"}));
    const Used of_mlp = used_if(arch == "mlp", "arch=mlp");
    const Used of_hidden = used_if(depth > 0, "depth=2");
    option("width", width, "units of each hidden layer of an mlp", between(1, 8192), of_mlp,
           of_hidden, used_if(depth != 1 || last_width == 0, "last_width=0"));
    option("depth", depth, "hidden layers of an mlp", between(0, 16), of_mlp);
    option("last_width", last_width, "units of an mlp's last hidden layer; 0: as the others",
           between(0, 8192), of_mlp, of_hidden);
    option("channels", channels, "of a cnn's first convolution; the second has twice as many",
           between(1, 512), used_if(arch == "cnn", "arch=cnn"));
    option.check([this] { check(); });
  }
  // UserError for a cnn on signals.
  void check() const;

  // --- Samples ---

  // Images of this batch, of its positions in another subset, or of those given (i32 [rows]), as the
  // network takes them: [rows, features] for an mlp, [rows, height, width, 1] for a cnn. Bytes become
  // x / 127.5 - 1, f32 data stay as they are.
  Value images(Step& s) const;
  Value images(Step& s, const std::string& subset) const;
  Value images(Step& s, const std::string& subset, Value positions) const;
  using ImageData::labels;
  Value labels(Step& s, const std::string& subset) const;  // i32 [rows]
  Value labels(Step& s, const std::string& subset, Value positions) const;

  // --- Network ---

  // images -> [rows, outputs]. Weights and biases start as PyTorch's. Names: nn/layers.h.
  Value logits(Net& net, Value images, int64_t outputs = 10) const;
  // The output layer's parameters are "<this>.weight" and "<this>.bias".
  std::string output_layer() const;
  Trained init(Trial& t, Key key, int64_t outputs = 10) const;
  // Of a network of your own, given images as images() makes them.
  Trained init(Trial& t, Key key, const std::function<void(Net&, Value images)>& define) const;

  // The task for phases of training that know no images: subsets as above, accuracy as the score.
  LearningTask learning() const;

  // --- What a model does on a subset ---

  double accuracy_on(Trial& t, const Ensemble& model, const std::string& subset,
                     int64_t outputs = 10) const;
  // Row by row, [samples of the subset, outputs]. Zeros in a dry run.
  std::vector<float> logits_on(Trial& t, const Ensemble& model, const std::string& subset,
                               int64_t outputs = 10) const;

 private:
  Value shaped(Value samples) const;
};

// Classes that are kept and classes that are to be forgotten.
struct ForgetClasses {
  std::vector<int64_t> retain = {0, 1, 2, 3, 4}, forget = {5, 6, 7, 8, 9};

  void visit(auto&& option) {
    option("retain", retain, "classes to keep", between(0, 9));
    option("forget", forget, "classes to forget", between(0, 9));
    option.check([this] { check_classes(); });  // none of either, or one in both
  }

  // Makes the subsets all.train (of both), retain.train, forget.train, retain.test and forget.test
  // of what the task uses of its data.
  void add_topics(Trial& t, const ImageTask& task) const;

 private:
  void check_classes() const;
};

}  // namespace omni
