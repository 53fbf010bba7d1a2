#include "lab/image_task.h"
