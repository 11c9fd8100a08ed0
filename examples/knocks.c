/* A network that fits on a small microcontroller learns to tell three rhythms of knocks apart.
 *
 *     derive code knocks.cell --to header --dtype float32 --sizes T=40,B=1,I=1,H=8,O=3 -o .
 *     cc -O2 -I. knocks.c -o knocks -lm && ./knocks
 *
 * All memory is static; the only number that a board brings is the seed.  Training is gradient descent, one
 * sequence at a time, as a device would see them.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#define KNOCKS_IMPLEMENTATION
#include "knocks_single.h"

enum { T = 40, H = 8, O = 3, SEQUENCES = 20000, TEST = 500 };

/* Every parameter in one array, so that a step is one loop; the gradients lie the same way. */
typedef struct {
    float U_f[H], U_g[H], W_f[H * H], W_g[H * H], b_f[H], b_g[H], V[O * H], c[O];
} numbers;
enum { COUNT = sizeof(numbers) / sizeof(float) };

static numbers weights, gradients, velocities;
static float knock[T], start[H], yhat[T * O];
static float workspace[KNOCKS_WORKSPACE_BYTES / sizeof(float)];

static uint32_t seed = 1;

/* Uniform in 0 ... 1 (a linear congruential generator; its upper bits). */
static float uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / 16777216.0f;
}

/* A rhythm: a knock every 4 or every 6 steps, or long and short in turns; some too early, too soft or missing. */
static int32_t listen(void)
{
    static const int gaps[O][2] = {{4, 4}, {6, 6}, {3, 7}};
    int32_t rhythm = (int32_t)(uniform() * O);
    int t, n = 0;

    for (t = 0; t < T; t++)
        knock[t] = 0.2f * (uniform() - 0.5f); /* noise */
    for (t = (int)(uniform() * 6); t < T; t += gaps[rhythm][n++ % 2]) {
        int early = t > 0 && uniform() < 0.1f;
        if (uniform() > 0.1f)
            knock[t - early] += 0.6f + 0.8f * uniform();
    }
    return rhythm;
}

/* One sequence: the loss; with `learn`, the gradients too.  -1 is returned on an error, which is printed. */
static float run(int32_t rhythm, int learn)
{
    knocks_params p = {weights.U_f, weights.U_g, weights.W_f, weights.W_g, weights.b_f, weights.b_g, weights.V, weights.c};
    knocks_params_grad g = {gradients.U_f, gradients.U_g, gradients.W_f, gradients.W_g,
                            gradients.b_f, gradients.b_g, gradients.V, gradients.c};
    knocks_inputs in = {knock, &rhythm};
    knocks_initial before = {start};
    knocks_outputs out = {yhat};
    float loss = 0;
    int status = learn ? knocks_value_and_grad(&p, &in, &before, &loss, &out, NULL, &g, NULL, NULL, workspace, sizeof workspace)
                       : knocks_forward(&p, &in, &before, &loss, &out, NULL, workspace, sizeof workspace);

    if (status != knocks_ok) {
        printf("%s\n", knocks_strerror(status));
        return -1;
    }
    return loss;
}

/* The share of rhythms that are recognised, of TEST new ones. */
static float recognised(void)
{
    int n, right = 0;

    for (n = 0; n < TEST; n++) {
        int32_t rhythm = listen();
        const float *last = yhat + (T - 1) * O;
        if (run(rhythm, 0) < 0)
            return -1;
        right += last[rhythm] >= last[(rhythm + 1) % O] && last[rhythm] >= last[(rhythm + 2) % O];
    }
    return (float)right / TEST;
}

int main(void)
{
    float *w = (float *)&weights, *g = (float *)&gradients, *v = (float *)&velocities, mean = 0;
    int n, k;

    for (k = 0; k < COUNT; k++)
        w[k] = 0.7f * (uniform() - 0.5f);
    for (k = 0; k < H; k++)
        weights.b_f[k] = -1; /* long memory at first */
    printf("%d weights, %lu bytes with gradients, workspace and input\n", (int)COUNT,
           (unsigned long)(3 * sizeof weights + sizeof workspace + sizeof knock + sizeof start + sizeof yhat));
    printf("before: %.0f %% recognised\n", 100.0 * recognised());

    for (n = 1; n <= SEQUENCES; n++) {
        float loss = run(listen(), 1), norm = 0, rate;
        if (loss < 0)
            return 1;
        for (k = 0; k < COUNT; k++)
            norm += g[k] * g[k];
        norm = sqrtf(norm);
        rate = 0.02f / (norm > 1 ? norm : 1); /* a gradient longer than 1 counts as 1 */
        for (k = 0; k < COUNT; k++) {
            v[k] = 0.9f * v[k] - rate * g[k];
            w[k] += v[k];
        }
        mean += loss;
        if (n % 2500 == 0) {
            printf("%5d sequences, loss %.3f\n", n, mean / 2500);
            mean = 0;
        }
    }
    printf("after: %.0f %% recognised\n", 100.0 * recognised());
    return 0;
}
