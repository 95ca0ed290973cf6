import { render } from 'preact'
import { App } from './app.tsx'
import { follow } from './live.ts'
import './style.css'

follow(new AbortController().signal)
render(<App />, document.getElementById('app')!)
