import { describe, expect, it } from 'vitest';
import { Metrics } from './metrics.ts';

describe('Metrics', () => {
  it('writes counters, gauges and histograms as Prometheus reads them', () => {
    const metrics = new Metrics();
    const spans = metrics.counter('spans_total', 'spans seen', ['outcome']);
    spans.inc({ outcome: 'ok' }, 2);
    spans.inc({ outcome: 'no' });
    metrics.gauge('waiting', 'how many wait', () => 7);
    metrics.counter('plain_total', 'no labels').inc();
    const latency = metrics.histogram('turn_seconds', 'a turn', [0.1, 1], ['kind']);
    for (const seconds of [0.05, 0.5, 5]) latency.observe(seconds, { kind: 'a' });
    expect(metrics.format()).toBe(
      [
        '# HELP spans_total spans seen',
        '# TYPE spans_total counter',
        'spans_total{outcome="ok"} 2',
        'spans_total{outcome="no"} 1',
        '# HELP waiting how many wait',
        '# TYPE waiting gauge',
        'waiting 7',
        '# HELP plain_total no labels',
        '# TYPE plain_total counter',
        'plain_total 1',
        '# HELP turn_seconds a turn',
        '# TYPE turn_seconds histogram',
        'turn_seconds_bucket{kind="a",le="0.1"} 1',
        'turn_seconds_bucket{kind="a",le="1"} 2',
        'turn_seconds_bucket{kind="a",le="+Inf"} 3',
        'turn_seconds_sum{kind="a"} 5.55',
        'turn_seconds_count{kind="a"} 3',
        '',
      ].join('\n'),
    );
  });
  it('shows a metric without labels from the start', () => {
    const metrics = new Metrics();
    metrics.counter('quiet_total', 'x');
    expect(metrics.format()).toContain('quiet_total 0');
  });
  it('stays bounded when label values are not a closed set', () => {
    const metrics = new Metrics();
    const counter = metrics.counter('open_total', 'x', ['name']);
    for (let n = 0; n < 10_000; n++) counter.inc({ name: String(n) });
    const lines = metrics
      .format()
      .split('\n')
      .filter((line) => line.startsWith('open_total'));
    expect(lines.length).toBeLessThanOrEqual(201);
    expect(lines.at(-1)).toBe('open_total{name="other"} 9800');
  });
  it('escapes what would end a label', () => {
    const metrics = new Metrics();
    metrics.counter('x_total', 'a\nb', ['name']).inc({ name: 'q"\\\n' });
    expect(metrics.format()).toContain('x_total{name="q\\"\\\\\\n"} 1');
    expect(metrics.format()).toContain('# HELP x_total a\\nb');
  });
  it('leaves out what cannot be read, and shows the rest', () => {
    const metrics = new Metrics();
    metrics.gauge('broken', 'x', () => {
      throw new Error('no');
    });
    metrics.gauge('fine', 'x', () => 1);
    expect(metrics.format()).not.toContain('broken');
    expect(metrics.format()).toContain('fine 1');
  });
  it('refuses a name twice, and one that is none', () => {
    const metrics = new Metrics();
    metrics.gauge('once', 'x', () => 1);
    expect(() => metrics.gauge('once', 'x', () => 1)).toThrow(TypeError);
    expect(() => metrics.counter('Not-A-Name', 'x')).toThrow(TypeError);
  });
});
