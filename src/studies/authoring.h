// What experiments are written with, in one include. For experiments alone.
#pragma once

#include <fmt/format.h>

#include "base/error.h"
#include "lab/experiment.h"
#include "lab/phase.h"
#include "lab/programs.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/noise.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/gradients.h"
#include "ops/iota.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "studies/image_task.h"
