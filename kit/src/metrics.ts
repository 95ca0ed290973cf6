// prom-client behind three verbs: one registry a service, the unit in each name, one typed object a service.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export interface MetricsRegistry {
  /** name without prefix; a counter's ends in _total. `known`: values of its one label that are there from the start, at 0: Prometheus sees an increase only of what was there before */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[], known?: readonly string[]): Counter<L>
  gauge<L extends string = never>(name: string, help: string, labels?: readonly L[]): Gauge<L>
  histogram<L extends string = never>(name: string, help: string, buckets: number[], labels?: readonly L[]): Histogram<L>
  /** the Prometheus text of everything registered */
  text(): Promise<string>
}

/**
 * A registry whose names start with `assay_<service>_`; with `process: true` also CPU, memory and event loop of the process.
 * @example createMetrics('provider').counter('rounds_total', 'rounds worked, by result', ['result']).inc({ result: 'ran' })
 */
export function createMetrics(service: string, options: { process?: boolean } = {}): MetricsRegistry {
  const registry = new Registry()
  const registers = [registry]
  const full = (name: string) => `assay_${service}_${name}`
  if (options.process) collectDefaultMetrics({ register: registry })
  return {
    counter: (name, help, labels = [], known = []) => {
      const counter = new Counter({ name: full(name), help, labelNames: labels, registers })
      for (const value of known) counter.labels(value).inc(0)
      return counter
    },
    gauge: (name, help, labels = []) => new Gauge({ name: full(name), help, labelNames: labels, registers }),
    histogram: (name, help, buckets, labels = []) => new Histogram({ name: full(name), help, buckets, labelNames: labels, registers }),
    text: () => registry.metrics(),
  }
}

/** A figure that is not 0 before anybody has set it. */
export function begun(gauge: Gauge<never>, value: number): Gauge<never> {
  gauge.set(value)
  return gauge
}
