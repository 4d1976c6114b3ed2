import type { DevnetEvent } from './event.ts'

/** Colours a part of a line; the identity when there is no terminal. */
export type Style = (kind: 'title' | 'good' | 'bad' | 'faint', text: string) => string

const plain: Style = (_, text) => text

/** An event as lines of text. */
export function renderLines(event: DevnetEvent, style: Style = plain): string[] {
  switch (event.event) {
    case 'start': {
      const what = event.resumed ? 'the network of last time resumes' : 'a new network starts'
      return [`teapot devnet: ${what}, ${event.nodes} nodes, in ${event.folder}`]
    }
    case 'step':
      return ['', style('title', `${event.step}. ${event.title}`)]
    case 'say':
      return event.text.split('\n').map((line) => (event.step === undefined ? line : `   ${line}`))
    case 'held':
      return [`   ${style('good', '✔')} ${style('faint', `held, ${seconds(event.ms)}`)}`]
    case 'failed':
      return [
        `   ${style('bad', '✘')} failed after ${seconds(event.ms)}: ${event.code}`,
        ...event.message.split('\n').map((line) => `     ${line}`),
      ]
    case 'up':
      return [
        '',
        event.staysUp
          ? 'The network is up. Ctrl-C stops it; the next `npm start` resumes it.'
          : 'The network stood here, and stops now; `npm start` resumes it.',
        ...Object.entries(event.addresses).map(([name, address]) => `  ${name.padEnd(20)} ${address}`),
        ...(event.staysUp ? ['Try, in another terminal:'] : []),
        ...(event.staysUp ? event.commands : []).map((command) => `  ${style('title', command)}`),
      ]
    case 'end': {
      const verdict = event.stopped
        ? `stopped by ${event.stopped}`
        : event.failed === 0
          ? 'every step held'
          : 'not every step held'
      return ['', `${verdict}: ${event.held} held, ${event.failed} failed, ${seconds(event.ms)}`]
    }
  }
}

/** Milliseconds for people. */
export function seconds(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
